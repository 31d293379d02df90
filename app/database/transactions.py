"""Transactions: atomic() as a block, or around a function, which can then be repeated when the database asks for it."""

import random
import time
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import psycopg2

from app.database.connection import IN_DOUBT, database
from app.database.failures import connection_is_lost, driver_error
from app.errors import Contended, InDoubt, ServiceError
from app.telemetry.measures import metrics

# For deadlocks, which are rare.
ATTEMPTS = 10
# Under the stricter isolations it is how the database says that others wrote first; of many at once one gets through
# at a time.
ATTEMPTS_IN_STRICT_ISOLATION = 25
FIRST_PAUSE_SECONDS = 0.01
MAX_PAUSE_SECONDS = 0.2

P = ParamSpec("P")
R = TypeVar("R")


class atomic:  # noqa: N801 - it reads as the block that it opens
    """All or nothing: `with atomic(): …` is one transaction, and inside another one a savepoint.

    `@atomic()` makes a whole function the transaction. Then, and only when it is the outermost, a deadlock or a
    serialization failure (SQLSTATE 40P01, 40001) runs the function again, a few times, with growing random pauses.
    With `undo` nothing stays of what was done, for whoever only wants to see whether it could be.
    """

    def __init__(self, undo: bool = False) -> None:
        self._undo = undo

    def __enter__(self) -> Self:
        depth = database.transaction_depth()
        self._savepoint = f"flux_{depth}" if depth else None
        database.send_before_next(f"SAVEPOINT {self._savepoint}" if depth else database.begin_statement)
        database.push_transaction(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        database.pop_transaction()
        if database.discard_pending():
            return
        if error is None and not self._undo:
            self._commit()
        else:
            self._roll_back()

    def _commit(self) -> None:
        try:
            database.execute_sql(f"RELEASE SAVEPOINT {self._savepoint}" if self._savepoint else "COMMIT")
        except (ServiceError, psycopg2.Error) as error:
            self._roll_back()
            if not self._savepoint and connection_is_lost(error):
                raise InDoubt(IN_DOUBT) from driver_error(error)
            raise

    def _roll_back(self) -> None:
        """Undo the block; what went wrong in it stays the error that is raised."""
        try:
            database.execute_sql(f"ROLLBACK TO SAVEPOINT {self._savepoint}" if self._savepoint else "ROLLBACK")
        except (ServiceError, psycopg2.Error):
            if not self._savepoint:
                database.abandon()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def in_a_transaction(*args: P.args, **kwargs: P.kwargs) -> R:
            with atomic():
                return function(*args, **kwargs)

        return repeated(in_a_transaction)


def repeated(function: Callable[P, R]) -> Callable[P, R]:
    """The function, run again a few times, with growing random pauses, when others changed the same rows.

    It must do nothing twice: it is one transaction, or one statement that writes. Inside a transaction it runs once.
    """

    @wraps(function)
    def again(*args: P.args, **kwargs: P.kwargs) -> R:
        outermost = not database.in_transaction()
        attempts = ATTEMPTS_IN_STRICT_ISOLATION if database.strict else ATTEMPTS
        for attempt in range(1, attempts + 1):
            try:
                return function(*args, **kwargs)
            except Contended:
                if attempt == attempts or not outermost:
                    raise
                metrics.retries.labels("contention").inc()
                time.sleep(random.uniform(0, min(FIRST_PAUSE_SECONDS * 2**attempt, MAX_PAUSE_SECONDS)))
        raise AssertionError("the last attempt returns or raises")

    return again
