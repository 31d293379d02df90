"""What the Observer does: read how a user's tasks turned out, and record the habit that it sees in them."""

from uuid import uuid4

import httpx
from client import Row, run

HISTORY = ("done", "done", "missed", "done", "missed", "pending")


def main(flux: httpx.Client) -> None:
    """Observe a new user twice: the first time records the pattern, the second one updates it."""
    user = flux.post("/users", json={"email": f"observer-{uuid4()}@example.com"}).json()
    history = [{"user_id": user["id"], "title": "Run before work", "status": status} for status in HISTORY]
    flux.post("/tasks/bulk", json=history)
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
    """Create the pattern, or update the one with the same user, type and key, unless the user has overruled it."""
    merging = {"upsert": "merge", "data.user_overridden__ne": "true"}
    answer = flux.post("/patterns", params=merging, json=pattern)
    action = "Recorded" if answer.status_code == httpx.codes.CREATED else "Updated"
    recorded = answer.json()
    confidence, version = recorded["confidence"], recorded["version"]
    print(f"{action} the pattern {recorded['pattern_key']}: confidence {confidence}, version {version}.")


if __name__ == "__main__":
    run(main)
