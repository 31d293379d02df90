"""The parameters that shape an answer: each one's text becomes a term, or raises what is wrong with it."""

from collections.abc import Sequence
from typing import Any

from app.query import cursors
from app.query.grammar import parse_names
from app.query.model import GROUPS, Expansion, SortKey
from app.query.relations import expansions_of, table_of_expansion
from app.query.values import kind_of
from app.query.vocabulary import did_you_mean, vocabulary
from app.schemas.fields import QueryInteger, TimeZoneName
from app.schemas.pages import MAX_PAGE_SIZE

PAGING = ("sort", "limit", "skip", "cursor")
SHAPING = ("fields", "expand")
LISTING = (*PAGING, "count", *SHAPING)
WRITING = ("sort", "limit", "skip_locked", "max_affected", "return", *SHAPING)
DELETING = ("sort", "limit", "skip_locked", "max_affected")
# What every GET takes.
READING = ("consistency",)
GROUPING = ("group_by", "bucket_on", "tz", "sort", "limit")
# What may be given several times, as some clients send a list.
REPEATABLE = ("sort", *SHAPING, "group_by")

LIMIT = QueryInteger(1, MAX_PAGE_SIZE)
SKIP = QueryInteger(0)
MAX_AFFECTED = QueryInteger(1, 100_000)
DEFAULT_MAX_AFFECTED = 1000
TIME_ZONE = TimeZoneName()
COUNTS = ("exact", "estimated", "none")
UPSERTS = ("merge", "ignore")
TYPES_IN_CURSOR: dict[str, type | tuple[type, ...]] = {
    "integer": int, "number": (int, float), "flag": bool, "list": list, "object": dict,
}  # fmt: skip


class BadValue(Exception):
    """A value that cannot be read; its text is the second half of a sentence."""


def parse_sort(columns: Sequence[str], text: str) -> tuple[SortKey, ...]:
    """The keys of `-last_message_at,created_at:nullsfirst`, of these columns."""
    keys: list[SortKey] = []
    for part in text.split(","):
        written, _, nulls = part.partition(":")
        column = written.removeprefix("-")
        if column not in columns:
            raise BadValue(_unknown(column, "column", columns))
        if nulls not in ("", "nullsfirst", "nullslast"):
            raise BadValue(f"has {nulls[:50]!r} behind a colon, where nullsfirst or nullslast can stand.")
        if column in [key.column for key in keys]:
            raise BadValue(f"names {column} twice.")
        keys.append(SortKey(column, written.startswith("-"), nulls == "nullsfirst"))
    return tuple(keys)


def with_id(keys: Sequence[SortKey]) -> tuple[SortKey, ...]:
    """The keys with the id as the last one, which settles ties; it goes the way of the key before it."""
    made: list[SortKey] = []
    for key in keys:
        made.append(key)
        if key.column == "id":
            return tuple(made)
    return (*made, SortKey("id", made[-1].descending if made else False))


def parse_cursor(table: str, text: str, list_fingerprint: str, sort: Sequence[SortKey]) -> tuple[Any, ...]:
    """The position in a cursor of this list: the sort keys of the row before the first."""
    try:
        position = cursors.decode(text, list_fingerprint, len(sort))
    except cursors.BadCursor as error:
        raise BadValue(str(error)) from None
    for key, value in zip(sort, position, strict=True):
        field = vocabulary(table).fields[key.column]
        fits = field.allow_none if value is None else isinstance(value, TYPES_IN_CURSOR.get(kind_of(field), str))
        if not fits:
            raise BadValue(cursors.DAMAGED)
    return position


def parse_fields(table: str, text: str) -> tuple[tuple[str, ...], tuple[Expansion, ...]]:
    """The columns and the expansions of `id,title,goal(title)`."""
    own, expandable = vocabulary(table).fields, expansions_of(table)
    columns: dict[str, None] = {}
    expansions: list[Expansion] = []
    for name, inner in parse_names(text):
        if inner is None and name in own:
            columns[name] = None
        elif name in expandable:
            expansions.append(_expansion(table, name, inner))
        else:
            raise BadValue(_unknown(name, "column", [*own, *expandable]))
    return tuple(columns), tuple(expansions)


def parse_expand(table: str, text: str) -> tuple[Expansion, ...]:
    """The expansions of `goal,user(timezone)`."""
    return tuple(_expansion(table, name, inner) for name, inner in parse_names(text))


def _expansion(table: str, name: str, inner: list[str] | None) -> Expansion:
    if "." in name:
        raise BadValue("goes more than one level deep. Expand one level, and ask for the next by its ids.")
    if name not in expansions_of(table):
        raise BadValue(_unknown(name, "name to expand", expansions_of(table)))
    if inner is None:
        return Expansion(name)
    there = table_of_expansion(table, name)
    columns = vocabulary(there).fields if there else {}
    for each in inner:
        if each not in columns:
            raise BadValue(_unknown(each, f"column of {name}", list(columns)))
    return Expansion(name, tuple(dict.fromkeys(inner)))


def parse_groups(text: str) -> tuple[str, ...]:
    """The names to group by."""
    names = text.split(",")
    for name in names:
        if name not in GROUPS:
            raise BadValue(_unknown(name, "group", GROUPS))
    return tuple(dict.fromkeys(names))


def parse_time_column(table: str, text: str) -> str:
    """The name of a column of times."""
    columns = [name for name, field in vocabulary(table).fields.items() if kind_of(field) == "time"]
    if text not in columns:
        raise BadValue(_unknown(text, "time column", columns))
    return text


def parse_choice(choices: Sequence[str], text: str) -> str:
    """One of these texts."""
    if text not in choices:
        raise BadValue(f"must be one of {', '.join(choices)}.")
    return text


def parse_word(word: str, text: str) -> bool:
    """True for this word, the only one that the parameter takes."""
    if text != word:
        raise BadValue(f"must be {word}, or be left out.")
    return True


def _unknown(name: str, what: str, known: Sequence[str]) -> str:
    there_are = f"There are: {', '.join(known)}." if known else "There are none."
    return f"names {name[:50]!r}, which is no {what}.{did_you_mean(name, known)} {there_are}"
