"""JSON whose numbers stay what they are: orjson reads one beyond 64 bits as a float, which rounds it without a word."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

# Where a float ends, PostgreSQL writes 309 digits; behind the point it may write as many as these. So the sum of two
# numbers that can be stored can be stored too, and be found.
MAX_DECIMALS = 399
# PostgreSQL writes numbers without an exponent: 1e308 in a body is 309 bytes in an object.
MAX_WRITTEN = 1_048_576
# A float keeps every number of 15 digits, save those near its ends.
MAY_BE_ROUNDED = re.compile(rb"[0-9.]{16}|[eE][-+]?[0-9]{3}")
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1


def loads(text: bytes | str) -> Any:
    """The value of a JSON text; a number that is neither a 64-bit integer nor a float is a Decimal.

    Raises orjson.JSONDecodeError, and RecursionError for hundreds of levels.
    """
    value = orjson.loads(text)
    _, has_float = survey(value)
    if has_float and MAY_BE_ROUNDED.search(text.encode() if isinstance(text, str) else text):
        return json.loads(text, parse_int=number, parse_float=number)
    return value


def survey(document: Any) -> tuple[int, bool]:
    """How many members all objects in a decoded document have together, and whether any value in it is a float."""
    members, has_float = 0, False
    collections: list[Any] = [(document,)]
    for values in collections:
        for value in values:
            kind = type(value)
            if kind is dict:
                members += len(value)
                collections.append(value.values())
            elif kind is list:
                collections.append(value)
            elif kind is float:
                has_float = True
    return members, has_float


def dumps(value: Any) -> bytes:
    """The JSON text of a value, Decimals as they are; raises orjson.JSONEncodeError."""
    return orjson.dumps(value, default=_number_text)


def number(text: str) -> int | float | Decimal:
    """The number of a JSON text, in the plainest type that holds it whole; one of 10^18 digits is infinite."""
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return Decimal("-Infinity" if text.startswith("-") else "Infinity")
    if text.lstrip("-").isdigit():
        return int(exact) if MIN_INTEGER <= exact <= MAX_INTEGER else exact
    rounded = float(text)
    return rounded if Decimal(repr(rounded)) == exact else exact


def decimals(exact: Decimal) -> int:
    """How many digits behind its point a finite number has when it is written out, without an exponent."""
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int), "only infinities and NaN have another"
    return max(-exponent, 0)


def written(number: float | Decimal) -> int:
    """How many digits PostgreSQL writes for a finite number."""
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    return max(exact.adjusted() + 1, 1) + decimals(exact)


def _number_text(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is no type of JSON.")
