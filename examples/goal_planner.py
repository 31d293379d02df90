"""What the Goal Planner does: turn a person's wish into a goal and its tasks, and read the plan back."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flux_dao_client import Flux
from flux_dao_client.entities import Goal
from running import run

TIMEZONE = ZoneInfo("Asia/Dubai")
WEEKLY_STEPS = ("Run 3 km", "Run 5 km", "Run 8 km", "Run 10 km")
TIME_OF_DAY = time(6, 30)


def main(flux: Flux) -> None:
    """Plan the wish of a new user, then print what the service holds of it."""
    user = flux.users.create(email=f"planner-{uuid4()}@example.com", timezone=TIMEZONE.key)
    print(f"Created the user {user['email']}.")
    goal = save_plan(flux, user["id"])
    print_plan(flux, goal["id"])


def save_plan(flux: Flux, user_id: str) -> Goal:
    """The wish as a goal, and its tasks: in one transaction, so that there is never a goal without its tasks."""
    with flux.batch() as batch:
        goal = batch.goals.create(
            user_id=user_id,
            title="Run 10 km without a break",
            class_tags=["Health"],
            target_weeks=len(WEEKLY_STEPS),
            # The planner's own notebook: any JSON object.
            plan_json={"milestones": WEEKLY_STEPS},
        )
        # goal.id stands for the id that the goal will have.
        batch.tasks.create_many([{"user_id": user_id, "goal_id": goal.id, **task} for task in weekly_tasks()])
    saved: Goal = goal.result
    return saved


def weekly_tasks() -> list[dict[str, Any]]:
    """One task a week, from tomorrow on, at the same time of the user's day."""
    tomorrow = datetime.now(TIMEZONE).date() + timedelta(days=1)
    first = datetime.combine(tomorrow, TIME_OF_DAY, TIMEZONE)
    return [
        {"title": step, "scheduled_at": first + timedelta(weeks=week), "duration_minutes": 60}
        for week, step in enumerate(WEEKLY_STEPS)
    ]


def print_plan(flux: Flux, goal_id: str) -> None:
    """Read the goal with how many tasks it has, and the tasks in their order."""
    goal = flux.goals.get(goal_id, expand="task_counts")
    weeks, tasks = goal["target_weeks"], goal["task_counts"]["total"]
    print(f"Goal: {goal['title']} ({goal['status']}, {weeks} weeks, {tasks} tasks).")
    for task in flux.tasks.find(goal_id=goal_id, sort="scheduled_at", fields="title,status,scheduled_at"):
        # The service answers times in UTC.
        scheduled_at = datetime.fromisoformat(task["scheduled_at"] or "").astimezone(TIMEZONE)
        print(f"  {scheduled_at:%Y-%m-%d %H:%M}  {task['title']} ({task['status']})")


if __name__ == "__main__":
    run(main)
