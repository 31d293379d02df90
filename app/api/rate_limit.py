"""How many requests a caller may make, counted before the database is asked anything. Loaded only with RATE_LIMIT.

The keys of one name are one caller; with any other key, and with none, it is the address. A batch counts as its
operations.
"""

import math
import time
from typing import Any

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter
from limits.errors import StorageError
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.api.auth import PROTECTED, known_caller
from app.api.transaction import WITHIN_BATCH
from app.config import Settings

POLICY = "requests"
REDIS_TIMEOUT = 1


def init_app(app: Flask, settings: Settings) -> None:
    """Answer 429 beyond the limit, and show every caller what is left.

    The fields are those of draft-ietf-httpapi-ratelimit-headers-10. Without its Redis each worker counts by itself, and
    tries the Redis again with growing pauses.
    """
    limiter = _limiter(settings)
    limiter.request_filter(lambda: not request.path.startswith(PROTECTED) or _is_first_of_batch())
    limiter.init_app(app)

    @app.after_request
    def add_rate_limit_fields(response: Response) -> Response:
        _add_fields(response, limiter)
        return response


def _limiter(settings: Settings) -> Limiter:
    count, _, period = settings.rate_limit.partition("/")
    sentence = f"The {count} requests that a caller may make in a {period} are used up. Wait, as Retry-After says."
    limiter = Limiter(
        _caller,
        application_limits=[ApplicationLimit(settings.rate_limit, error_message=sentence)],
        # Paths that do not exist count as well.
        request_identifier=lambda: POLICY,
        storage_uri=settings.rate_limit_storage or "memory://",
        storage_options=_redis_options() if settings.rate_limit_storage else {},
        in_memory_fallback_enabled=True,
        # Of several requests that find the Redis gone at once, the library falls back for one and raises in the others.
        swallow_errors=True,
        key_prefix="flux",
    )
    # It would keep the library's warnings, that Redis cannot be reached for one, from the log.
    limiter.logger.handlers.clear()
    return limiter


def _redis_options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": REDIS_TIMEOUT,
        "socket_timeout": REDIS_TIMEOUT,
        "retry": Retry(NoBackoff(), 1),
        "wrap_exceptions": True,
    }


def _is_first_of_batch() -> bool:
    """Whether this is the first operation of a batch, which was counted as the batch: it counts as its operations."""
    operation = request.environ.get(WITHIN_BATCH)
    return operation is not None and operation.index == 0


def _caller() -> str:
    return known_caller() or f"address {request.remote_addr}"


def _add_fields(response: Response, limiter: Limiter) -> None:
    limit = limiter.current_limit
    if limit is None:
        return
    try:
        reset, remaining = limit.window
    except StorageError:
        # The Redis went away after it counted this request.
        return
    seconds = max(1, math.ceil(reset - time.time()))
    response.headers["RateLimit-Policy"] = f'"{POLICY}";q={limit.limit.amount};w={limit.limit.get_expiry()}'
    response.headers["RateLimit"] = f'"{POLICY}";r={remaining};t={seconds}'
    if limit.breached:
        response.headers["Retry-After"] = str(seconds)
