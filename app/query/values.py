"""Values as a query writes them: text that becomes what the column's type asks for, or a ValidationError."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson
from marshmallow import ValidationError, fields

from app import exact_json
from app.query.model import COMPARED, ELEMENTS, FLAGGED, PATTERNS, RANGES
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

MAX_WILDCARDS = 10
MAX_PATTERN_LENGTH = 1000
NUMBER_FORM = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?", re.ASCII)


class Kind(NamedTuple):
    """The operators that values of one kind have, how their text is read, and the fields of columns that have them."""

    operators: tuple[str, ...]
    parse: Parse
    field: type[fields.Field[Any]] | None = None


class BadValue(ValidationError):
    """A value that cannot be read, in the second half of a sentence; `known` is one that says what there is."""

    def __init__(self, message: str, known: str = "") -> None:
        super().__init__(message)
        self.known = known


def kind_of(field: fields.Field[Any]) -> str:
    """The kind of values that a schema's field has."""
    return next(name for name, kind in KINDS.items() if kind.field and isinstance(field, kind.field))


def parser_of(field: fields.Field[Any] | None, kind: str, operator: str) -> Parse:
    """How the text after `name__operator=` is read, of a name that has this kind of values, and perhaps a field."""
    if operator in FLAGGED:
        return parse_flag
    if operator in PATTERNS:
        return parse_pattern
    if isinstance(field, ListOf):
        parse = parser_of(field.inner, kind_of(field.inner), "eq")
        return lambda text: [parse(text)]
    return field.deserialize if isinstance(field, Choice) else KINDS[kind].parse


def parse_number(text: str) -> float:
    if not NUMBER_FORM.fullmatch(text) or not math.isfinite(float(text)):
        raise ValidationError("must be a number.")
    return float(text)


def parse_object(text: str) -> dict[str, Any]:
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
KINDS: dict[str, Kind] = {
    "uuid": Kind((*COMPARED, "isnull"), Uuid().deserialize, Uuid),
    "text": Kind((*COMPARED, *PATTERNS, "isnull"), parse_text, Text),
    "integer": Kind((*COMPARED, *RANGES, "isnull"), QueryInteger().deserialize, Integer),
    "number": Kind((*COMPARED, *RANGES, "isnull"), parse_number, Number),
    "time": Kind((*COMPARED, *RANGES, "isnull"), parse_time, Time),
    "flag": Kind(("eq", "ne", "isnull"), parse_flag, Flag),
    "list": Kind((*ELEMENTS, "empty", "isnull"), parse_text, ListOf),
    "object": Kind(("eq", "ne", "isnull"), parse_object, Object),
    # A key inside an object, the rows that point to one, and a person's phone number.
    "key": Kind((*COMPARED, *RANGES, *PATTERNS, *ELEMENTS, "isnull"), parse_text),
    "rows": Kind(("exists",), parse_flag),
    "phone": Kind(("eq",), parse_digits),
}
