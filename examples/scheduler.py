"""What the Scheduler does: look at a user's day, mark what is past as missed, and send reminders of what is due.

Any number of Schedulers may run at once, and each may die at any point: no task is claimed twice.
"""

from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
from client import Row, batch, run

TIMEZONE = ZoneInfo("Asia/Dubai")


def main(flux: httpx.Client) -> None:
    """Go through the day of a new user once, as the Scheduler does every few minutes."""
    now = datetime.now(TIMEZONE)
    user = flux.post("/users", json={"email": f"scheduler-{uuid4()}@example.com", "timezone": TIMEZONE.key}).json()
    create_tasks(flux, user["id"], now)
    tasks = tasks_of_day(flux, user["id"], now)
    print(f"Today has {len(tasks)} tasks: {', '.join(task['title'] for task in tasks)}.")
    mark_missed(flux, user["id"])
    for task, dispatch in claim_reminders(flux, user["id"]):
        send_reminder(flux, task, dispatch)


def create_tasks(flux: httpx.Client, user_id: str, now: datetime) -> None:
    """A day with two tasks that are past, one that is due soon, and one at its end."""
    start, end = day_around(now)
    soon = min(now + timedelta(minutes=5), end)
    times = {"Stretch": start, "Walk to work": start + (now - start) / 2, "Call the dentist": soon, "Read": end}
    tasks = [{"user_id": user_id, "title": title, "scheduled_at": at.isoformat()} for title, at in times.items()]
    flux.post("/tasks/bulk", json=tasks)


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


def mark_missed(flux: httpx.Client, user_id: str) -> None:
    """Change every task that is past and still pending, in one request; rows that others hold are left to them."""
    # Relative times are of the database's clock, so that Schedulers on several machines agree.
    past = {"user_id": user_id, "status": "pending", "scheduled_at__lt": "now", "sort": "scheduled_at"}
    taking = {"limit": 100, "skip_locked": True, "return": "rows", "fields": "title"}
    missed = flux.patch("/tasks", params={**past, **taking}, json={"status": "missed"}).json()
    print(f"Marked {missed['updated_count']} tasks as missed: {', '.join(task['title'] for task in missed['items'])}.")


def claim_reminders(flux: httpx.Client, user_id: str) -> list[tuple[Row, Row]]:
    """What is due in the next 15 minutes and nobody has claimed: each task, and the record of what is to be sent."""
    due = {
        "status": "pending",
        "reminder_sent_at__isnull": True,
        "scheduled_at__gte": "now",
        "scheduled_at__lt": "now+15m",
    }
    taking = {"sort": "scheduled_at", "limit": 50, "skip_locked": True, "return": "rows", "fields": "id,title"}
    push = {"task_id": {"$ref": "item.id"}, "channel": "push"}
    claimed, dispatches = batch(
        flux,
        {
            "name": "claimed",
            "method": "PATCH",
            "path": "/tasks",
            "query": {"user_id": user_id, **due, **taking},
            "body": {"reminder_sent_at": "now"},
        },
        {
            "method": "POST",
            "path": "/dispatch-log/bulk",
            "body": {"$each": "claimed.items", "body": push},
        },
    )
    return list(zip(claimed["items"], dispatches["items"], strict=True))


def send_reminder(flux: httpx.Client, task: Row, dispatch: Row) -> None:
    """Send a push message, and report it, unless somebody else has taken the dispatch over meanwhile."""
    # What the provider calls the message. It would get the dispatch's id, and drop what it has had under that id.
    external_id = f"push-{uuid4()}"
    _, entry = batch(
        flux,
        {
            "name": "sent",
            "method": "PATCH",
            "path": f"/dispatch-log/{dispatch['id']}?status=pending",
            "headers": {"If-Match": f'"{dispatch["version"]}"'},
            "body": {"status": "dispatched", "dispatched_at": "now"},
        },
        {
            "method": "POST",
            "path": "/notification-log",
            "body": {"task_id": task["id"], "channel": "push", "external_id": external_id, "sent_at": "now"},
        },
    )
    print(f"Logged a {entry['channel']} reminder of {task['title']}, sent at {entry['sent_at']}.")


if __name__ == "__main__":
    run(main)
