"""The keys of the table that this worker remembers, so that a request asks the database about its key but rarely."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TypeVar

from app.database import database
from app.errors import Busy, ServiceError
from app.repositories import keys
from app.repositories.keys import LivingKey

# A key that is revoked, or ends early, goes on working for this long at most.
REMEMBERED_SECONDS = 30
REFUSED_SECONDS = 10
MOST_REMEMBERED = 1000
USE_RECORDED_AFTER_SECONDS = 60

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass
class Remembered:
    """A key that was living when the database was asked, until when that counts, and when its use was written down."""

    key: LivingKey
    until: float
    use_recorded: float


class KnownKeys:
    """The answers about keys that the database gave lately: at most 1,000 living ones, and as many refused.

    A request waits at most `wait` seconds until those before it have asked.
    """

    def __init__(self, wait: int) -> None:
        self._wait = wait
        self._living: dict[bytes, Remembered] = {}
        self._refused: dict[bytes, float] = {}
        # One at a time, so that a flood of unknown keys has one connection and not the pool, and a key that many
        # requests bring at once is asked about once. Only who holds it changes the two above.
        self._asking = Lock()

    def find(self, digest: bytes) -> LivingKey | None:
        """The living key with this SHA-256, or None. Costs a statement every 30 s; raises Unavailable."""
        if self._is_refused(digest):
            return None
        remembered = self._current(digest) or self._ask(digest)
        if remembered is None:
            return None
        _note_use(remembered)
        return remembered.key

    def has_seen(self, digest: bytes) -> bool:
        """Whether it was the SHA-256 of a living key when this worker last asked; never asks."""
        return digest in self._living

    def _current(self, digest: bytes) -> Remembered | None:
        remembered = self._living.get(digest)
        return remembered if remembered and remembered.until > time.monotonic() else None

    def _is_refused(self, digest: bytes) -> bool:
        return self._refused.get(digest, 0.0) > time.monotonic()

    def _ask(self, digest: bytes) -> Remembered | None:
        if not self._asking.acquire(timeout=self._wait):
            raise Busy(
                f"Keys that are new to this worker wait for more than {self._wait} s to be looked up. Try again."
            )
        try:
            if self._is_refused(digest):
                return None
            return self._current(digest) or self._learn(digest)
        finally:
            self._asking.release()

    def _learn(self, digest: bytes) -> Remembered | None:
        # The database may take its time to answer, and the answer is from when it was asked.
        now = time.monotonic()
        found = keys.find_living(digest)
        before = self._living.pop(digest, None)
        if found is None:
            _put(self._refused, digest, now + REFUSED_SECONDS)
            return None
        seconds = REMEMBERED_SECONDS if found.seconds_left is None else min(found.seconds_left, REMEMBERED_SECONDS)
        recorded = before.use_recorded if before else now - USE_RECORDED_AFTER_SECONDS
        remembered = Remembered(found, now + seconds, recorded)
        _put(self._living, digest, remembered)
        return remembered


def _put(memory: dict[bytes, T], digest: bytes, value: T) -> None:
    """Remember it as the newest, and forget the oldest when that is one too many."""
    memory.pop(digest, None)
    memory[digest] = value
    if len(memory) > MOST_REMEMBERED:
        del memory[next(iter(memory))]


def _note_use(remembered: Remembered) -> None:
    """Have the use written down once a minute, by another thread: the caller does not wait for that."""
    now = time.monotonic()
    if now - remembered.use_recorded >= USE_RECORDED_AFTER_SECONDS:
        remembered.use_recorded = now
        _recorder().submit(_record_use, remembered.key.id)


@cache
def _recorder() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="key-use")


def _record_use(id: str) -> None:
    try:
        keys.record_use(id)
    except ServiceError as error:
        log.warning("The use of a key was not written down: %s", error.detail)
    finally:
        database.release()
