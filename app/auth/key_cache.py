"""A cache of keys, so that a request seldom has to ask the database about its own."""

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
from app.repositories.keys import ActiveKey

# A key that is revoked, or ends early, goes on working for this long at most.
CACHE_SECONDS = 30
REJECTED_CACHE_SECONDS = 10
MAX_CACHED_KEYS = 1000
USE_RECORDED_AFTER_SECONDS = 60

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass
class CachedKey:
    """A key that was active when the database was asked, until when that counts, and when its use was written down."""

    key: ActiveKey
    until: float
    use_recorded: float


class KeyCache:
    """What the database answered about keys lately: up to 1,000 active ones, and as many rejected.

    A request waits at most `wait` seconds until those before it have asked.
    """

    def __init__(self, wait: int) -> None:
        self._wait = wait
        self._active: dict[bytes, CachedKey] = {}
        self._rejected: dict[bytes, float] = {}
        # One at a time, so that a flood of unknown keys has one connection and not the pool, and a key that many
        # requests bring at once is asked about once. Only who holds it changes the two above.
        self._lookup = Lock()

    def find(self, digest: bytes) -> ActiveKey | None:
        """The active key with this SHA-256, or None. Costs a statement every 30 s; raises Unavailable."""
        if self._is_rejected(digest):
            return None
        cached = self._cached(digest) or self._look_up(digest)
        if cached is None:
            return None
        _note_use(cached)
        return cached.key

    def seen_name(self, digest: bytes) -> str | None:
        """The name of the key with this SHA-256, if it was active when this worker last asked; never asks."""
        cached = self._active.get(digest)
        return cached.key.name if cached else None

    def _cached(self, digest: bytes) -> CachedKey | None:
        cached = self._active.get(digest)
        return cached if cached and cached.until > time.monotonic() else None

    def _is_rejected(self, digest: bytes) -> bool:
        return self._rejected.get(digest, 0.0) > time.monotonic()

    def _look_up(self, digest: bytes) -> CachedKey | None:
        if not self._lookup.acquire(timeout=self._wait):
            raise Busy(
                f"Keys that are new to this worker wait for more than {self._wait} s to be looked up. Try again."
            )
        try:
            if self._is_rejected(digest):
                return None
            return self._cached(digest) or self._learn(digest)
        finally:
            self._lookup.release()

    def _learn(self, digest: bytes) -> CachedKey | None:
        # The database may take its time to answer, and the answer is from when it was asked.
        now = time.monotonic()
        found = keys.find_active(digest)
        before = self._active.pop(digest, None)
        if found is None:
            _put(self._rejected, digest, now + REJECTED_CACHE_SECONDS)
            return None
        seconds = CACHE_SECONDS if found.seconds_left is None else min(found.seconds_left, CACHE_SECONDS)
        recorded = before.use_recorded if before else now - USE_RECORDED_AFTER_SECONDS
        cached = CachedKey(found, now + seconds, recorded)
        _put(self._active, digest, cached)
        return cached


def _put(cached_values: dict[bytes, T], digest: bytes, value: T) -> None:
    """Remember it as the newest, and forget the oldest when that is one too many."""
    cached_values.pop(digest, None)
    cached_values[digest] = value
    if len(cached_values) > MAX_CACHED_KEYS:
        del cached_values[next(iter(cached_values))]


def _note_use(cached: CachedKey) -> None:
    """Have the use written down once a minute, by another thread: the caller does not wait for that."""
    now = time.monotonic()
    if now - cached.use_recorded >= USE_RECORDED_AFTER_SECONDS:
        cached.use_recorded = now
        _recorder().submit(_record_use, cached.key.id)


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
