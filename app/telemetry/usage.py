"""What this thread has asked of the database, and the request that it serves."""

import threading
from time import perf_counter

from app.telemetry.meters import meter


class Usage(threading.local):
    """Sums that only grow; who wants to know what a piece of work took looks before and after it."""

    def __init__(self) -> None:
        self.statements = 0
        self.database_seconds = 0.0
        self.request_id: str | None = None
        self.trace_id: str | None = None

    def sent(self, sql: str, count: int, began: float) -> None:
        """Add a message of `count` statements that was sent at `began` and has been answered, or has failed, now."""
        seconds = perf_counter() - began
        self.statements += count
        self.database_seconds += seconds
        meter.now.statement_sent(seconds)


usage = Usage()
