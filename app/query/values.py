"""Values as a query writes them: text that becomes what the column's type asks for, or a ValidationError."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from marshmallow import ValidationError, fields

from app import exact_json
from app.schemas.fields import (
    Choice,
    Flag,
    Integer,
    ListOf,
    Number,
    Object,
    QueryInteger,
    RelativeTime,
    Text,
    Time,
    Uuid,
)

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


class BadValue(ValidationError):
    """A value that cannot be read, in the second half of a sentence; `known` is one that says what there is."""

    def __init__(self, message: str, known: str = "") -> None:
        super().__init__(message)
        self.known = known


def kind_of(field: fields.Field[Any]) -> str:
    """The kind of values that a schema's field has."""
    return next(kind for each, kind in KINDS if isinstance(field, each))


def parser_of(field: fields.Field[Any] | None, kind: str, operator: str) -> Parse:
    """How the text after `name__operator=` is read, of a name that has this kind of values, and perhaps a field."""
    if operator in WITHOUT_NULL:
        return parse_flag
    if operator in PATTERNS:
        return parse_pattern
    if isinstance(field, ListOf):
        parse = parser_of(field.inner, kind_of(field.inner), "eq")
        return lambda text: [parse(text)]
    return field.deserialize if isinstance(field, Choice) else PARSERS[kind]


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
        value = text
    return OBJECT.deserialize(value)


def parse_pattern(text: str) -> str:
    """A text in which * stands for any characters."""
    if len(text) > MAX_PATTERN_LENGTH:
        raise ValidationError(f"must be a pattern of at most {MAX_PATTERN_LENGTH} characters.")
    pattern = re.sub(r"\*+", "*", parse_text(text))
    if pattern.count("*") > MAX_WILDCARDS:
        raise ValidationError(f"must have at most {MAX_WILDCARDS} wildcards.")
    return pattern


def parse_digits(text: str) -> str:
    """The digits of a phone number."""
    digits = re.sub(r"[^0-9]", "", parse_text(text))
    if not digits:
        raise ValidationError("must have digits, as a phone number such as +971501234567 has.")
    return digits


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


OBJECT = Object(error_messages={"invalid": 'must be a JSON object, such as {{"name": "Ada"}}.'})
parse_text = Text().deserialize
parse_time = Time().deserialize
parse_flag = fields.Boolean(
    truthy={"true"}, falsy={"false"}, error_messages={"invalid": "must be true or false."}
).deserialize
PARSERS: dict[str, Parse] = {
    "uuid": Uuid().deserialize,
    "text": parse_text,
    "integer": QueryInteger().deserialize,
    "number": parse_number,
    "time": parse_time,
    "flag": parse_flag,
    "object": parse_object,
    "key": parse_text,
    "phone": parse_digits,
}
