"""What the Observer does: read how a user's tasks turned out, and record the habit that it sees in them."""

from uuid import uuid4

from flux_dao_client import Flux
from running import run

HISTORY = ("done", "done", "missed", "done", "missed", "pending")


def main(flux: Flux) -> None:
    """Observe a new user twice: the first time records the pattern, the second one updates it."""
    user = flux.users.create(email=f"observer-{uuid4()}@example.com")
    flux.tasks.create_many(
        [{"user_id": user["id"], "title": "Run before work", "status": status} for status in HISTORY]
    )
    print_statistics(flux, user["id"])
    for confidence in (0.6, 0.75):
        record_pattern(flux, user["id"], confidence)


def print_statistics(flux: Flux, user_id: str) -> None:
    """Count the tasks that were created in the last 30 days, by status."""
    # By the database's clock, which is the one that dated the tasks.
    since = {"user_id": user_id, "created_at__gte": "now-30d"}
    statistics = flux.request("GET", "/tasks/statistics", query=since)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(statistics["by_status"].items()))
    print(f"Last 30 days: {statistics['total_tasks']} tasks ({counts}).")
    print(f"Completion rate: {statistics['completion_rate']:.0%}.")


def record_pattern(flux: Flux, user_id: str, confidence: float) -> None:
    """Create the pattern, or update the one with the same user, type and key, unless the user has overruled it."""
    recorded = flux.patterns.upsert(
        where={"data.user_overridden__ne": True},
        user_id=user_id,
        pattern_type="time_of_day",
        pattern_key="misses_mornings",
        description="Tasks before work are often missed.",
        data={"missed": HISTORY.count("missed"), "of": len(HISTORY)},
        confidence=confidence,
    )
    version = recorded["version"]
    action = "Recorded" if version == 1 else "Updated"
    print(f"{action} the pattern {recorded['pattern_key']}: confidence {confidence}, version {version}.")


if __name__ == "__main__":
    run(main)
