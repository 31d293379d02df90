"""Transactions: atomic() as a block, or around a function, which can then be repeated when the database asks for it."""

import random
import time
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from app.database.connection import database
from app.database.failures import failing_in_our_words
from app.errors import Contended

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.01

P = ParamSpec("P")
R = TypeVar("R")


class atomic:  # noqa: N801 - it reads as the block that it opens
    """All or nothing: `with atomic(): …` is one transaction, and inside another one a savepoint.

    `@atomic()` makes a whole function the transaction. Then, and only when it is the outermost, a deadlock or a
    serialization failure (SQLSTATE 40P01, 40001) runs the function again, a few times, with growing random pauses.
    """

    def __enter__(self) -> Self:
        with failing_in_our_words:
            self._block = database.atomic()
            self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with failing_in_our_words:
            self._block.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def in_a_transaction(*args: P.args, **kwargs: P.kwargs) -> R:
            outermost = not database.in_transaction()
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    with atomic():
                        return function(*args, **kwargs)
                except Contended:
                    if attempt == ATTEMPTS or not outermost:
                        raise
                    time.sleep(random.uniform(0, FIRST_PAUSE_SECONDS * 2**attempt))
            raise AssertionError("the last attempt returns or raises")

        return in_a_transaction
