"""What a request has brought along that no log may hold: its keys, and the values of its query and body."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
from flask import request

# A shorter one tells nothing, and would take too much else out of a message.
SHORTEST = 3


def given_values() -> list[str]:
    """The values as texts, the longest first."""
    texts = {str(value) for value in _values() if value is not None and not isinstance(value, bool)}
    return sorted((text for text in texts if len(text) >= SHORTEST), key=len, reverse=True)


def _values() -> Iterator[Any]:
    for name in ("X-Flux-Service-Key", "Authorization", "Idempotency-Key"):
        yield from request.headers.getlist(name)
    yield from (value for _, value in request.args.items(multi=True))
    with suppress(Exception):
        yield from _leaves(orjson.loads(request.get_data()))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value
