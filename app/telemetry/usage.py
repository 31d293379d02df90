"""What this thread has asked of the database, and the request that it serves."""

import threading
from time import perf_counter
from typing import NamedTuple

from app.telemetry.meters import meter

MOST_STATEMENTS_TRACED = 100


class SentStatement(NamedTuple):
    """A statement's text without its values, and by the performance counter when it began and how long it took."""

    sql: str
    began: float
    seconds: float


class Usage(threading.local):
    """Sums that only grow; who wants to know what a piece of work took looks before and after it."""

    def __init__(self) -> None:
        self.statements = 0
        self.database_seconds = 0.0
        # By the performance counter, when the request arrived that this thread is about to serve.
        self.arrived: float | None = None
        self.request_id: str | None = None
        self.trace_id: str | None = None
        # The statements of the request in their order, when it is traced.
        self.trail: list[SentStatement] | None = None

    def sent(self, sql: str, count: int, began: float) -> None:
        """Add a message of `count` statements that was sent at `began` and has been answered, or has failed, now."""
        seconds = perf_counter() - began
        self.statements += count
        self.database_seconds += seconds
        meter.now.statement_sent(seconds)
        if self.trail is not None and len(self.trail) < MOST_STATEMENTS_TRACED:
            self.trail.append(SentStatement(sql, began, seconds))


usage = Usage()
