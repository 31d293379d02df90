"""What the Scheduler does: look at a user's day, mark what is past as missed, and send reminders of what is due.

Any number of Schedulers may run at once, and each may die at any point: no task is claimed twice.
"""

from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from flux_dao_client import Each, Flux, item
from flux_dao_client.entities import DispatchLogEntry, Task
from running import run

TIMEZONE = ZoneInfo("Asia/Dubai")


def main(flux: Flux) -> None:
    """Go through the day of a new user once, as the Scheduler does every few minutes."""
    now = datetime.now(TIMEZONE)
    user = flux.users.create(email=f"scheduler-{uuid4()}@example.com", timezone=TIMEZONE.key)
    create_tasks(flux, user["id"], now)
    tasks = tasks_of_day(flux, user["id"], now)
    print(f"Today has {len(tasks)} tasks: {', '.join(task['title'] for task in tasks)}.")
    mark_missed(flux, user["id"])
    for task, dispatch in claim_reminders(flux, user["id"]):
        send_reminder(flux, task, dispatch)


def create_tasks(flux: Flux, user_id: str, now: datetime) -> None:
    """A day with two tasks that are past, one that is due soon, and one at its end."""
    start, end = day_around(now)
    soon = min(now + timedelta(minutes=5), end)
    times = {"Stretch": start, "Walk to work": start + (now - start) / 2, "Call the dentist": soon, "Read": end}
    flux.tasks.create_many([{"user_id": user_id, "title": title, "scheduled_at": at} for title, at in times.items()])


def tasks_of_day(flux: Flux, user_id: str, now: datetime) -> list[Task]:
    """The tasks of the day around now, in the order of their times."""
    start, end = day_around(now)
    return list(flux.tasks.find(user_id=user_id, scheduled_at__gte=start, scheduled_at__lte=end, sort="scheduled_at"))


def day_around(now: datetime) -> tuple[datetime, datetime]:
    """The first and the last moment of the user's day. The range includes both, so midnight must not be the end."""
    today = now.date()
    return datetime.combine(today, time.min, TIMEZONE), datetime.combine(today, time.max, TIMEZONE)


def mark_missed(flux: Flux, user_id: str) -> None:
    """Change every task that is past and still pending, in one request; rows that others hold are left to them."""
    # Relative times are of the database's clock, so that Schedulers on several machines agree.
    past = {"user_id": user_id, "status": "pending", "scheduled_at__lt": "now"}
    missed = flux.tasks.claim(past, limit=100, sort="scheduled_at", status="missed")
    print(f"Marked {len(missed)} tasks as missed: {', '.join(task['title'] for task in missed)}.")


def claim_reminders(flux: Flux, user_id: str) -> list[tuple[Task, DispatchLogEntry]]:
    """What is due in the next 15 minutes and nobody has claimed: each task, and the record of what is to be sent."""
    due = {
        "user_id": user_id,
        "status": "pending",
        "reminder_sent_at": None,
        "scheduled_at__gte": "now",
        "scheduled_at__lt": "now+15m",
    }
    with flux.batch() as batch:
        claimed = batch.tasks.claim(due, limit=50, sort="scheduled_at", reminder_sent_at="now")
        dispatches = batch.dispatch_log.create_many(Each(claimed.items, {"task_id": item.id, "channel": "push"}))
    return list(zip(claimed.result, dispatches.result, strict=True))


def send_reminder(flux: Flux, task: Task, dispatch: DispatchLogEntry) -> None:
    """Send a push message, and report it, unless somebody else has taken the dispatch over meanwhile."""
    # What the provider calls the message. It would get the dispatch's id, and drop what it has had under that id.
    external_id = f"push-{uuid4()}"
    with flux.batch() as batch:
        batch.dispatch_log.update(
            dispatch["id"],
            if_match=dispatch["version"],
            where={"status": "pending"},
            status="dispatched",
            dispatched_at="now",
        )
        logged = batch.notification_log.create(
            task_id=task["id"], channel="push", external_id=external_id, sent_at="now"
        )
    entry = logged.result
    print(f"Logged a {entry['channel']} reminder of {task['title']}, sent at {entry['sent_at']}.")


if __name__ == "__main__":
    run(main)
