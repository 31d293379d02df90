"""Values as a query writes them: text that becomes what the column's type asks for, or a ValidationError."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from marshmallow import ValidationError, fields

from app import exact_json
from app.schemas.fields import (
    INTEGER_FORM,
    MAX_INTEGER,
    MIN_INTEGER,
    Choice,
    Flag,
    Integer,
    ListOf,
    Number,
    Object,
    Text,
    Time,
    Uuid,
    check_storable,
    text_fault,
)
from app.schemas.relative_time import RelativeTime

Parse = Callable[[str], Any]

COMPARED = ("eq", "ne", "in", "nin")
RANGES = ("gt", "gte", "lt", "lte")
PATTERNS = ("like", "ilike")
OPERATORS_OF_KIND: dict[str, tuple[str, ...]] = {
    "uuid": (*COMPARED, "isnull"),
    "text": (*COMPARED, *PATTERNS, "isnull"),
    "integer": (*COMPARED, *RANGES, "isnull"),
    "number": (*COMPARED, *RANGES, "isnull"),
    "time": (*COMPARED, *RANGES, "isnull"),
    "flag": ("eq", "ne", "isnull"),
    "list": ("contains", "ncontains", "empty", "isnull"),
    "object": ("eq", "ne", "isnull"),
    "key": (*COMPARED, *RANGES, *PATTERNS, "contains", "ncontains", "isnull"),
}
KINDS: tuple[tuple[type[fields.Field[Any]], str], ...] = (
    (Uuid, "uuid"),
    (Text, "text"),
    (Integer, "integer"),
    (Number, "number"),
    (Time, "time"),
    (Flag, "flag"),
    (ListOf, "list"),
    (Object, "object"),
)
WITHOUT_NULL = ("isnull", "empty", "exists")
MAX_WILDCARDS = 10
MAX_PATTERN_LENGTH = 1000
NUMBER_FORM = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?", re.ASCII)


def kind_of(field: fields.Field[Any]) -> str:
    """The kind of values that a schema's field has."""
    return next(kind for each, kind in KINDS if isinstance(field, each))


def parser_of(field: fields.Field[Any] | None, operator: str) -> Parse:
    """How the text after `name__operator=` is read; without a field it is of a key inside an object."""
    if operator in WITHOUT_NULL:
        return parse_flag
    if operator in PATTERNS:
        return parse_pattern
    if field is None:
        return parse_text
    if isinstance(field, ListOf):
        return lambda text: [parser_of(field.inner, "eq")(text)]
    if isinstance(field, Choice):
        return lambda text: field.deserialize(text)
    return PARSERS[kind_of(field)]


def parse_text(text: str) -> str:
    """A text that the database can hold."""
    fault = text_fault(text)
    if fault:
        raise ValidationError(fault)
    return text


def parse_flag(text: str) -> bool:
    """true or false."""
    if text not in ("true", "false"):
        raise ValidationError("must be true or false.")
    return text == "true"


def parse_integer(text: str) -> int:
    """A whole number of 32 bits."""
    if not INTEGER_FORM.fullmatch(text) or not MIN_INTEGER <= int(text) <= MAX_INTEGER:
        raise ValidationError(f"must be a whole number from {MIN_INTEGER} to {MAX_INTEGER}.")
    return int(text)


def parse_number(text: str) -> float:
    """A number."""
    if not NUMBER_FORM.fullmatch(text) or not math.isfinite(float(text)):
        raise ValidationError("must be a number.")
    return float(text)


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = exact_json.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValidationError('must be a JSON object, such as {"name": "Ada"}.')
    check_storable(value)
    return value


def parse_pattern(text: str) -> str:
    """A text in which * stands for any characters."""
    if len(text) > MAX_PATTERN_LENGTH:
        raise ValidationError(f"must be a pattern of at most {MAX_PATTERN_LENGTH} characters.")
    pattern = re.sub(r"\*+", "*", parse_text(text))
    if pattern.count("*") > MAX_WILDCARDS:
        raise ValidationError(f"must have at most {MAX_WILDCARDS} wildcards.")
    return pattern


def parse_values(parse: Parse, texts: Sequence[str]) -> list[Any]:
    """The values of a list; a fault names its value."""
    values = []
    for text in texts:
        try:
            values.append(parse(text))
        except ValidationError as error:
            raise ValidationError(f"holds {text[:50]!r}, which {error.messages[0]}") from None
    if any(isinstance(value, RelativeTime) for value in values):
        raise ValidationError("takes no relative times. Write them out, or use ranges.")
    return values


TIME = Time()
UUID = Uuid()
PARSERS: dict[str, Parse] = {
    "uuid": UUID.deserialize,
    "text": parse_text,
    "integer": parse_integer,
    "number": parse_number,
    "time": TIME.deserialize,
    "flag": parse_flag,
    "object": parse_object,
}
