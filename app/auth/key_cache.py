"""A cache of keys, so that a request seldom has to ask the database about its own."""

import functools
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

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


@dataclass
class CachedKey:
    """What the database answered, and until when that counts: a key, and when its use was written down; or none."""

    key: ActiveKey | None
    until: float
    use_recorded: float = 0.0


class KeyCache:
    """What the database answered about keys lately: up to 1,000 active ones, and as many rejected.

    A request waits at most `wait` seconds until those before it have asked.
    """

    def __init__(self, wait: int) -> None:
        self._wait = wait
        self._active: dict[bytes, CachedKey] = {}
        self._rejected: dict[bytes, CachedKey] = {}
        # One at a time, so that a flood of unknown keys has one connection and not the pool, and a key that many
        # requests bring at once is asked about once. Only who holds it changes the two above.
        self._lookup = Lock()

    def find(self, digest: bytes) -> ActiveKey | None:
        """The active key with this SHA-256, or None. Costs a statement every 30 s; raises Unavailable."""
        cached = self._cached(digest) or self._look_up(digest)
        if cached.key:
            _note_use(cached, cached.key)
        return cached.key

    def seen_name(self, digest: bytes) -> str | None:
        """The name of the key with this SHA-256, if it was active when this worker last asked; never asks."""
        cached = self._active.get(digest)
        return cached.key.name if cached and cached.key else None

    def _cached(self, digest: bytes) -> CachedKey | None:
        cached = self._active.get(digest) or self._rejected.get(digest)
        return cached if cached and cached.until > time.monotonic() else None

    def _look_up(self, digest: bytes) -> CachedKey:
        if not self._lookup.acquire(timeout=self._wait):
            raise Busy(
                f"Keys that are new to this worker wait for more than {self._wait} s to be looked up. Try again."
            )
        try:
            return self._cached(digest) or self._learn(digest)
        finally:
            self._lookup.release()

    def _learn(self, digest: bytes) -> CachedKey:
        # The database may take its time to answer, and the answer is from when it was asked.
        now = time.monotonic()
        found = keys.find_active(digest)
        before = self._active.pop(digest, None)
        if found is None:
            return _put(self._rejected, digest, CachedKey(None, now + REJECTED_CACHE_SECONDS))
        seconds = CACHE_SECONDS if found.seconds_left is None else min(found.seconds_left, CACHE_SECONDS)
        recorded = before.use_recorded if before else now - USE_RECORDED_AFTER_SECONDS
        return _put(self._active, digest, CachedKey(found, now + seconds, recorded))


def _put(cache: dict[bytes, CachedKey], digest: bytes, value: CachedKey) -> CachedKey:
    """Remember it as the newest, and forget the oldest when that is one too many."""
    cache.pop(digest, None)
    cache[digest] = value
    if len(cache) > MAX_CACHED_KEYS:
        del cache[next(iter(cache))]
    return value


def _note_use(cached: CachedKey, key: ActiveKey) -> None:
    """Have the use written down once a minute, by another thread: the caller does not wait for that."""
    now = time.monotonic()
    if now - cached.use_recorded >= USE_RECORDED_AFTER_SECONDS:
        cached.use_recorded = now
        _recorder().submit(_record_use, key.id)


@functools.cache
def _recorder() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="key-use")


def _record_use(id: str) -> None:
    try:
        keys.record_use(id)
    except ServiceError as error:
        log.warning("The use of a key was not written down: %s", error.detail)
    finally:
        database.release()
