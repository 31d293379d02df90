"""The contract's types as marshmallow fields: strict, and never a value that PostgreSQL could not store.

Messages are the second half of a sentence: the loader puts the field's name before them.
"""

import math
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from marshmallow import ValidationError, fields, validate

from app import exact_json

MIN_INTEGER, MAX_INTEGER = -(2**31), 2**31 - 1
MAX_NESTING = 100
UUID_TEXT = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
UUID_FORM = re.compile(UUID_TEXT, re.ASCII)
# With every digit written as 0, all UUIDs are one text; so a list of them is looked at without a loop.
FORM_OF_BYTES = bytes.maketrans(b"0123456789abcdef", b"0" * 16)
FORM_IN_A_LIST = b"00000000-0000-0000-0000-000000000000,"
INTEGER_FORM = re.compile(r"-?[0-9]{1,400}", re.ASCII)
# RFC 3339, section 5.6; the offset is looked at apart, since leaving it out is the most frequent mistake.
TIME_FORM = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
SPACE_FOR_PLUS = re.compile(r".*\d \d\d:\d\d", re.ASCII)
# In a query a + that was not written as %2B arrives as a space; after `now` it can mean nothing else.
RELATIVE_FORM = re.compile(r"now(?:([-+ ])([0-9]{1,9})([smhdw]))?", re.ASCII)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
MAX_SECONDS = 100 * 366 * 86400
DATE_FORM = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MESSAGES: dict[str, Any] = {
    "required": "is required.",
    "null": "cannot be null.",
    "validator_failed": "is not allowed.",
}


def text_fault(text: str) -> str | None:
    """Why PostgreSQL could not store this text, or None."""
    if "\x00" in text:
        return "holds a NUL character (U+0000), which cannot be stored. Remove it."
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "holds half of a surrogate pair (U+D800 to U+DFFF), which is no character. Remove it."
    return None


def check_storable(document: Any, max_depth: int = MAX_NESTING) -> None:
    """Raise ValidationError when a decoded JSON value holds anything that PostgreSQL's jsonb does not take."""
    level, depth, digits = [document], 0, 0
    while level:
        depth += 1
        if depth > max_depth:
            raise ValidationError(f"is nested deeper than {max_depth} levels.")
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                _refuse(text_fault(value))
            elif isinstance(value, Mapping):
                for key in value:
                    _refuse(text_fault(key) if isinstance(key, str) else "has a key that is not a text.")
                below.extend(value.values())
            elif isinstance(value, list | tuple):
                below.extend(value)
            else:
                _refuse(_scalar_fault(value))
                digits += exact_json.written(value) if isinstance(value, float | Decimal) else 0
        if digits > exact_json.MAX_WRITTEN:
            raise ValidationError(f"holds numbers of more than {exact_json.MAX_WRITTEN} digits when written out.")
        level = below


def _refuse(fault: str | None) -> None:
    if fault:
        raise ValidationError(fault)


def _scalar_fault(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return "holds NaN, an infinity or a number beyond 1.8e308."
        too_long = isinstance(value, Decimal) and exact_json.decimals(value) > exact_json.MAX_DECIMALS
        return f"holds a number of more than {exact_json.MAX_DECIMALS} digits behind its point." if too_long else None
    if isinstance(value, int):
        storable = exact_json.MIN_INTEGER <= value <= exact_json.MAX_INTEGER
        return None if storable else "holds an int of more than 64 bits. Write it as a Decimal."
    return f"holds a {type(value).__name__}, which is not a JSON value."


class Text(fields.String):
    """A text of a length in characters."""

    default_error_messages = MESSAGES | {"invalid": "must be a text."}

    def __init__(self, min_length: int = 0, max_length: int | None = None, **options: Any) -> None:
        if min_length or max_length:
            size = f"{min_length} to {max_length} characters" if max_length else f"at least {min_length} character"
            options["validate"] = validate.Length(min_length, max_length, error=f"must have {size}.")
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\x00" in value or not value.isascii():
            _refuse(text_fault(value))
        return value


class EmailAddress(Text):
    """A valid e-mail address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(1, 255, **options)
        self.validators.append(validate.Email(error="must be a valid e-mail address, such as ada@example.com."))
        self.metadata = {"format": "email", **self.metadata}


class TimeZoneName(Text):
    """A name of the IANA time zone database."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name not in TIME_ZONES:
            raise ValidationError("must be a name of the IANA time zone database, such as UTC or Asia/Dubai.")
        return name


# Some systems add names of their own for what is set there; PostgreSQL knows them not.
TIME_ZONES = zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}


class Choice(Text):
    """One of a few texts."""

    def __init__(self, *choices: str, default: str | None = None, **options: Any) -> None:
        options.update(documented_default(default))
        super().__init__(**options)
        self.choices = choices
        self.validators.append(validate.OneOf(choices, error=f"must be one of {', '.join(choices)}."))


class Uuid(fields.UUID):
    """A UUID in its usual form of 36 characters; loaded as that text in lower case."""

    default_error_messages = MESSAGES | {
        "invalid_uuid": "must be a UUID, such as 0198f3c2-7a51-7c3e-9d2b-3f6a1e5b8c4d."
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and UUID_FORM.fullmatch(value):
            return value.lower()
        if isinstance(value, UUID):
            return str(value)
        raise self.make_error("invalid_uuid")

    def load_many(self, values: Sequence[Any]) -> list[str]:
        """The UUIDs of a list, looked at all at once; raises ValidationError or TypeError when any is none."""
        joined = ",".join(values)
        if _are_uuids(joined, len(values)):
            return list(values)
        joined = joined.lower()
        if not _are_uuids(joined, len(values)):
            raise self.make_error("invalid_uuid")
        return joined.split(",")


def _are_uuids(joined: str, count: int) -> bool:
    """Whether these are so many UUIDs in lower case, with commas between them."""
    return f"{joined},".encode(errors="replace").translate(FORM_OF_BYTES) == FORM_IN_A_LIST * count


class Integer(fields.Integer):
    """A whole number of 32 bits."""

    default_error_messages = MESSAGES | {"invalid": "must be a whole number."}

    def __init__(self, minimum: int = MIN_INTEGER, maximum: int = MAX_INTEGER, **options: Any) -> None:
        error = f"must be a whole number from {minimum} to {maximum}."
        super().__init__(validate=validate.Range(minimum, maximum, error=error), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, float | Decimal) and not math.isnan(value):
            # JSON has one kind of number: 6.0 is 6, and some programs write it so. What is far out of range stays so.
            value = min(max(value, MIN_INTEGER - 1), MAX_INTEGER + 1)
            value = int(value) if value == int(value) else value
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class QueryInteger(Integer):
    """A whole number written in a query."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not INTEGER_FORM.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class Number(fields.Float):
    """A number, in a range if there is one."""

    default_error_messages = MESSAGES | {"invalid": "must be a number."}

    def __init__(self, minimum: float | None = None, maximum: float | None = None, **options: Any) -> None:
        if minimum is not None:
            options["validate"] = validate.Range(
                minimum, maximum, error=f"must be a number from {minimum} to {maximum}."
            )
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not _is_number(value):
            raise self.make_error("invalid")
        return value


class Flag(fields.Boolean):
    """True or false, as JSON has them."""

    default_error_messages = MESSAGES | {"invalid": "must be true or false."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class RelativeTime(NamedTuple):
    """A time so many seconds after the database's clock, or before it, so that callers on ten machines agree."""

    seconds: int


class Time(fields.AwareDateTime):
    """An RFC 3339 time with an offset, loaded in UTC; or one relative to the database's clock, such as now+10m."""

    default_error_messages = MESSAGES | {
        "invalid": "must be an RFC 3339 time with an offset, such as 2026-03-01T09:00:00Z, or relative, as now+1d.",
        "naive": "has no offset from UTC. Add Z or one such as +04:00, as in 2026-03-01T09:00:00+04:00.",
        "space": "has a space where the + of its offset should be.",
        "relative": "must be now, or now with a span such as now-5m or now+1d (s, m, h, d, w).",
        "far": "lies more than a hundred years from now.",
        "impossible": "is not a time that exists, or lies outside the years 1 to 9999 in UTC.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, datetime):
            return self._in_utc(value)
        if isinstance(value, str) and value.startswith("now"):
            return self._relative(value)
        found = TIME_FORM.fullmatch(value) if isinstance(value, str) else None
        if not found:
            raise self.make_error("space" if isinstance(value, str) and SPACE_FOR_PLUS.fullmatch(value) else "invalid")
        day, minute, second, fraction, offset = found.groups(default="")
        if not offset:
            raise self.make_error("naive")
        # A leap second (RFC 3339, section 5.7) is the first second of the next minute, as PostgreSQL has it too.
        leap = timedelta(seconds=1 if second == "60" else 0)
        try:
            time = datetime.fromisoformat(f"{day}T{minute}:{'59' if leap else second}{fraction[:7]}{offset.upper()}")
            return self._in_utc(time + leap)
        except (ValueError, OverflowError):
            raise self.make_error("impossible") from None

    def _relative(self, text: str) -> RelativeTime:
        found = RELATIVE_FORM.fullmatch(text)
        if not found:
            raise self.make_error("relative")
        sign, count, unit = found.groups()
        seconds = int(count) * SECONDS[unit] if count else 0
        if seconds > MAX_SECONDS:
            raise self.make_error("far")
        return RelativeTime(-seconds if sign == "-" else seconds)

    def _in_utc(self, time: datetime) -> datetime:
        if time.tzinfo is None:
            raise self.make_error("naive")
        return time.astimezone(UTC)


class TimeOrDate(Time):
    """A time, or a date, which stands for the first or the last moment of that day in UTC."""

    default_error_messages = {
        "invalid": "must be a date, such as 2026-03-01, an RFC 3339 time with an offset, or relative, such as now-7d.",
    }

    def __init__(self, last_moment: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.metadata = {"anyOf": [{"format": "date"}, {"format": "date-time"}], **self.metadata}
        self._moment = "23:59:59.999999Z" if last_moment else "00:00:00Z"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and DATE_FORM.fullmatch(value):
            value = f"{value}T{self._moment}"
        return super()._deserialize(value, attr, data, **kwargs)


class Object(fields.Dict):
    """A JSON object."""

    default_error_messages = MESSAGES | {"invalid": "must be a JSON object."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        check_storable(value)
        return value


class Amounts(Object):
    """A JSON object whose values are numbers that are to be added, or such objects."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        checked = super()._deserialize(value, attr, data, **kwargs)
        faults = _faults_of_amounts(checked)
        if faults:
            raise ValidationError(faults)
        return checked


def _faults_of_amounts(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is neither a number nor an object of numbers, by the names that lead to it."""
    faults: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            inner = _faults_of_amounts(value)
            if inner:
                faults[name] = inner
        elif not _is_number(value):
            faults[name] = ["must be a number to add, or an object of such numbers."]
    return faults


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value)


class ListOf(fields.List[Any]):
    """A list of values of one type."""

    default_error_messages = MESSAGES | {"invalid": "must be a list."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        # marshmallow would take any iterable.
        if not isinstance(value, list | tuple):
            raise self.make_error("invalid")
        # Before the elements are looked at, which may be very many.
        for check in self.validators:
            check(value)
        try:
            if value and type(self.inner) is Uuid and not self.inner.validators:
                return self.inner.load_many(value)
            return [self.inner.deserialize(each, **kwargs) for each in value]
        except (ValidationError, TypeError):
            # The slower way takes UUID objects too, and tells which elements are wrong.
            pass
        return super()._deserialize(value, attr, data, **kwargs)


def documented_default(value: Any) -> dict[str, Any]:
    """Field options that tell readers what the database fills in; loading leaves an absent field absent."""
    return {} if value is None else {"metadata": {"default": value}}
