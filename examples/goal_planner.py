"""What the Goal Planner does: turn a person's wish into a goal and its tasks, and read the plan back."""

from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
from client import Row, batch, run

TIMEZONE = ZoneInfo("Asia/Dubai")
WEEKLY_STEPS = ("Run 3 km", "Run 5 km", "Run 8 km", "Run 10 km")
TIME_OF_DAY = time(6, 30)
GOAL = {
    "title": "Run 10 km without a break",
    "class_tags": ["Health"],
    "target_weeks": len(WEEKLY_STEPS),
    # The planner's own notebook: any JSON object.
    "plan_json": {"milestones": WEEKLY_STEPS},
}


def main(flux: httpx.Client) -> None:
    """Plan the wish of a new user, then print what the service holds of it."""
    user = flux.post("/users", json={"email": f"planner-{uuid4()}@example.com", "timezone": TIMEZONE.key}).json()
    print(f"Created the user {user['email']}.")
    goal = save_plan(flux, user["id"])
    print_plan(flux, goal["id"])


def save_plan(flux: httpx.Client, user_id: str) -> Row:
    """The wish as a goal, and its tasks: in one transaction, so that there is never a goal without its tasks."""
    goal: Row
    goal, _ = batch(
        flux,
        {"name": "goal", "method": "POST", "path": "/goals", "body": {"user_id": user_id, **GOAL}},
        {"method": "POST", "path": "/tasks/bulk", "body": weekly_tasks(user_id)},
    )
    return goal


def weekly_tasks(user_id: str) -> list[Row]:
    """One task a week, from tomorrow on, at the same time of the user's day."""
    tomorrow = datetime.now(TIMEZONE).date() + timedelta(days=1)
    first = datetime.combine(tomorrow, TIME_OF_DAY, TIMEZONE)
    return [
        {
            "user_id": user_id,
            # The id of the goal that the operation of this name has created.
            "goal_id": {"$ref": "goal.id"},
            "title": step,
            # With its offset, as in 2026-03-02T06:30:00+04:00: a time without one is refused.
            "scheduled_at": (first + timedelta(weeks=week)).isoformat(),
            "duration_minutes": 60,
        }
        for week, step in enumerate(WEEKLY_STEPS)
    ]


def print_plan(flux: httpx.Client, goal_id: str) -> None:
    """Read the goal with how many tasks it has, and the tasks in their order."""
    goal = flux.get(f"/goals/{goal_id}", params={"expand": "task_counts"}).json()
    weeks, tasks = goal["target_weeks"], goal["task_counts"]["total"]
    print(f"Goal: {goal['title']} ({goal['status']}, {weeks} weeks, {tasks} tasks).")
    asked = {"goal_id": goal_id, "sort": "scheduled_at", "fields": "title,status,scheduled_at"}
    for task in flux.get("/tasks", params=asked).json()["items"]:
        # The service answers times in UTC.
        scheduled_at = datetime.fromisoformat(task["scheduled_at"]).astimezone(TIMEZONE)
        print(f"  {scheduled_at:%Y-%m-%d %H:%M}  {task['title']} ({task['status']})")


if __name__ == "__main__":
    run(main)
