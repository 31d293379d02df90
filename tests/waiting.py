"""Waiting for what happens elsewhere: in another process, thread or session."""

import time
from collections.abc import Callable

from conftest import run_alone

LOCK_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for a condition; fails when it does not come true."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "It did not happen within 30 s."
        time.sleep(0.02)


def waiting_for_locks(url: str) -> int:
    """How many sessions of this database wait for a lock."""
    return run_alone(url, LOCK_WAITS)[0][0]
