"""What the Observer does: read how a user's tasks turned out, and record the habit that it sees in them."""

from uuid import uuid4

import httpx
from client import Problem, Row, run

HISTORY = ("done", "done", "missed", "done", "missed", "pending")
VALUE_TAKEN = "urn:flux:problem:value-taken"


def main(flux: httpx.Client) -> None:
    """Observe a new user twice: the first time records the pattern, the second one updates it."""
    user = flux.post("/users", json={"email": f"observer-{uuid4()}@example.com"}).json()
    for status in HISTORY:
        flux.post("/tasks", json={"user_id": user["id"], "title": "Run before work", "status": status})
    print_statistics(flux, user["id"])
    for confidence in (0.6, 0.75):
        record_pattern(
            flux,
            {
                "user_id": user["id"],
                "pattern_type": "time_of_day",
                "pattern_key": "misses_mornings",
                "description": "Tasks before work are often missed.",
                "data": {"missed": HISTORY.count("missed"), "of": len(HISTORY)},
                "confidence": confidence,
            },
        )


def print_statistics(flux: httpx.Client, user_id: str) -> None:
    """Count the tasks that were created in the last 30 days, by status."""
    # By the database's clock, which is the one that dated the tasks.
    since = {"user_id": user_id, "created_at__gte": "now-30d"}
    statistics = flux.get("/tasks/statistics", params=since).json()
    counts = ", ".join(f"{count} {status}" for status, count in sorted(statistics["by_status"].items()))
    print(f"Last 30 days: {statistics['total_tasks']} tasks ({counts}).")
    print(f"Completion rate: {statistics['completion_rate']:.0%}.")


def record_pattern(flux: httpx.Client, pattern: Row) -> None:
    """Create the pattern, or update it when the service says that the user has it already."""
    try:
        action, recorded = "Recorded", flux.post("/patterns", json=pattern).json()
    except Problem as problem:
        # A missing user is a 409 too, so the kind of the problem tells more than its status.
        known = find_pattern(flux, pattern) if problem.type == VALUE_TAKEN else None
        if known is None:
            raise
        action, recorded = "Updated", flux.patch(f"/patterns/{known['id']}", json=pattern).json()
    confidence, version = recorded["confidence"], recorded["version"]
    print(f"{action} the pattern {recorded['pattern_key']}: confidence {confidence}, version {version}.")


def find_pattern(flux: httpx.Client, pattern: Row) -> Row | None:
    """The id of the pattern with the same user, type and key, which only one pattern can have."""
    same = {name: pattern[name] for name in ("user_id", "pattern_type", "pattern_key")}
    return next(iter(flux.get("/patterns", params={**same, "fields": "id"}).json()["items"]), None)


if __name__ == "__main__":
    run(main)
