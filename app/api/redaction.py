"""What a request has brought along that no log may hold: its keys, and the values of its query and body."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_plus

import orjson
from flask import request

# A shorter one tells nothing, and would take too much else out of a message.
MIN_LENGTH = 3
BETWEEN_PIECES = re.compile(r"[][,;:()/?&=]")


def values_to_redact() -> list[str]:
    """The values as texts, the longest first."""
    texts = {str(value) for value in _values() if value is not None and not isinstance(value, bool)}
    return sorted((text for text in texts if len(text) >= MIN_LENGTH), key=len, reverse=True)


def _values() -> Iterator[Any]:
    for name in ("X-Flux-Service-Key", "Authorization", "Idempotency-Key"):
        yield from request.headers.getlist(name)
    for _, value in request.args.items(multi=True):
        yield from _with_pieces(value)
    with suppress(Exception):
        yield from _leaves(orjson.loads(request.get_data()))


def _leaves(value: Any, inside_object: bool = False) -> Iterator[Any]:
    """The values of a body, and the names that the caller chose: those inside of objects, which are no fields."""
    if isinstance(value, dict):
        for name, each in value.items():
            if inside_object:
                yield name
            yield from _leaves(each, inside_object=True)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, inside_object)
    elif isinstance(value, str):
        yield from _with_pieces(value)
    else:
        yield value


def _with_pieces(text: str) -> Iterator[str]:
    """The text and what it is made of: the items of a list, the alternatives of or=(…), the query in a batch's path."""
    yield text
    yield from BETWEEN_PIECES.split(unquote_plus(text))
