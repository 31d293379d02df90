"""What the Scheduler does: look at a user's day, mark what is past as missed, and log the reminder of what is due."""

from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
from client import Row, run

TIMEZONE = ZoneInfo("Asia/Dubai")


def main(flux: httpx.Client) -> None:
    """Go through the day of a new user once, as the Scheduler does every few minutes."""
    now = datetime.now(TIMEZONE)
    user = flux.post("/users", json={"email": f"scheduler-{uuid4()}@example.com", "timezone": TIMEZONE.key}).json()
    create_tasks(flux, user["id"], now)
    tasks = tasks_of_day(flux, user["id"], now)
    print(f"Today has {len(tasks)} tasks: {', '.join(task['title'] for task in tasks)}.")
    # Relative times are of the database's clock, so that Schedulers on several machines agree.
    mark_missed(flux, pending(flux, user["id"], scheduled_at__lt="now"))
    due = {"scheduled_at__gte": "now", "scheduled_at__lt": "now+15m", "reminder_sent_at__isnull": "true"}
    for task in pending(flux, user["id"], **due):
        log_reminder(flux, task, now)


def create_tasks(flux: httpx.Client, user_id: str, now: datetime) -> None:
    """A day with two tasks that are past, one that is due soon, and one at its end."""
    start, end = day_around(now)
    soon = min(now + timedelta(minutes=5), end)
    times = {"Stretch": start, "Walk to work": start + (now - start) / 2, "Call the dentist": soon, "Read": end}
    for title, time_of_task in times.items():
        flux.post("/tasks", json={"user_id": user_id, "title": title, "scheduled_at": time_of_task.isoformat()})


def tasks_of_day(flux: httpx.Client, user_id: str, now: datetime) -> list[Row]:
    """The tasks of the day around now, in the order of their times: a plain array, never cut into pages."""
    start, end = day_around(now)
    # httpx writes the + of the offset as %2B; written as it is, a + in a query means a space.
    times = {"start_at": start.isoformat(), "end_at": end.isoformat()}
    tasks: list[Row] = flux.get("/tasks/by-timerange", params={"user_id": user_id, **times}).json()
    return tasks


def day_around(now: datetime) -> tuple[datetime, datetime]:
    """The first and the last moment of the user's day. The range includes both, so midnight must not be the end."""
    today = now.date()
    return datetime.combine(today, time.min, TIMEZONE), datetime.combine(today, time.max, TIMEZONE)


def pending(flux: httpx.Client, user_id: str, **filters: str) -> list[Row]:
    """The user's pending tasks that the filters find, in the order of their times."""
    asked = {"user_id": user_id, "status": "pending", "sort": "scheduled_at", "fields": "id,title", **filters}
    tasks: list[Row] = flux.get("/tasks", params=asked).json()["items"]
    return tasks


def mark_missed(flux: httpx.Client, tasks: list[Row]) -> None:
    """Change the status of many tasks in one request: all of them, or none when it fails."""
    # An empty list is refused.
    if tasks:
        task_ids = [task["id"] for task in tasks]
        answer = flux.post("/tasks/bulk-update-state", json={"task_ids": task_ids, "new_status": "missed"}).json()
        print(f"Marked {answer['updated_count']} tasks as missed: {', '.join(task['title'] for task in tasks)}.")


def log_reminder(flux: httpx.Client, task: Row, now: datetime) -> None:
    """Record that a push message was sent, and note it at the task, so that the next round does not send it again."""
    # What the push provider calls the message; the service refuses a second entry with the same external_id.
    external_id = f"push-{uuid4()}"
    entry = flux.post(
        "/notification-log",
        json={"task_id": task["id"], "channel": "push", "external_id": external_id, "sent_at": now.isoformat()},
    ).json()
    flux.patch(f"/tasks/{task['id']}", json={"reminder_sent_at": entry["sent_at"]})
    print(f"Logged a {entry['channel']} reminder of {task['title']}, sent at {entry['sent_at']}.")


if __name__ == "__main__":
    run(main)
