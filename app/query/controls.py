"""The parameters that shape an answer: each one's text becomes a term, or raises what is wrong with it."""

import re
from collections.abc import Sequence
from typing import Any, NoReturn

from marshmallow import ValidationError

from app.query import cursors
from app.query.grammar import Names, parse_names
from app.query.model import GROUPS, ROW_ORDER, WHOLE_ROW, Expansion, Place, Shape, SortKey
from app.query.relations import EXPANSIONS, LISTS, MAX_REFERENCES
from app.query.spelling import closest, sentence
from app.query.values import BadValue, kind_of
from app.query.vocabulary import VOCABULARIES, UnknownName
from app.schemas.faults import READ_ONLY
from app.schemas.fields import Choice, Integer, QueryInteger, TimeZoneName
from app.schemas.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

PAGING = ("sort", "limit", "skip", "cursor")
SHAPING = ("fields", "expand")
LISTING = (*PAGING, "count", *SHAPING)
CHANGING = ("replace", "if_null", *SHAPING)
WRITING = ("sort", "limit", "skip_locked", "max_affected", "return", *CHANGING)
CREATING = ("upsert", "update", *CHANGING)
DELETING = ("sort", "limit", "skip_locked", "max_affected")
# What every GET takes.
READING = ("consistency",)
GROUPING = ("group_by", "bucket_on", "tz", "fill", "sort", "limit")
# What may be given several times, as some clients send a list.
REPEATABLE = ("sort", "update", *CHANGING, "group_by")

LIMIT = QueryInteger(1, MAX_PAGE_SIZE)
SKIP = QueryInteger(0)
MAX_AFFECTED = QueryInteger(1, 100_000)
DEFAULT_MAX_AFFECTED = 1000
TIME_ZONE = TimeZoneName()
# PostgreSQL takes 100 arguments, a key's name and its value are two.
MAX_KEYS = 50
SQL_ORDER = re.compile(r"(\w+)[ .:](asc|desc)", re.IGNORECASE)
COUNT = Choice("exact", "estimated", "none")
UPSERT = Choice("merge", "ignore")
ROW_ORDERS = Integer()
TYPES_IN_CURSOR: dict[str, type | tuple[type, ...]] = {
    "integer": int, "number": (int, float), "flag": bool, "list": list, "object": dict,
}  # fmt: skip


def parse_sort(columns: Sequence[str], text: str, example: str = "sort={}") -> tuple[SortKey, ...]:
    """The keys of `-last_message_at,created_at:nullsfirst`, of these columns."""
    keys: list[SortKey] = []
    for part in text.split(","):
        written, _, nulls = part.partition(":")
        column = written.removeprefix("-")
        in_sql = SQL_ORDER.fullmatch(part)
        if in_sql and in_sql[1] in columns:
            right = in_sql[1] if in_sql[2].lower() == "asc" else f"-{in_sql[1]}"
            raise BadValue(f"has {part!r}, which is written otherwise.{sentence(right, example.format(right))}")
        _require_known(column, "column", columns, example)
        if nulls not in ("", "nullsfirst", "nullslast"):
            raise BadValue(f"has {nulls[:50]!r} behind a colon, where nullsfirst or nullslast can stand.")
        if column in [key.column for key in keys]:
            raise BadValue(f"names {column} twice.")
        keys.append(SortKey(column, written.startswith("-"), nulls == "nullsfirst"))
    return tuple(keys)


def total_order(keys: Sequence[SortKey]) -> tuple[SortKey, ...]:
    """The keys and a last one that settles ties, in the direction of the one before: the order of storing."""
    if not keys:
        return (SortKey("id"),)
    names = [key.column for key in keys]
    if "id" in names:
        return tuple(keys[: names.index("id") + 1])
    return (*keys, SortKey(ROW_ORDER, keys[-1].descending))


def parse_cursor(table: str, list_fingerprint: str, sort: Sequence[SortKey], text: str) -> tuple[Any, ...]:
    """The position in a cursor of this list: the sort keys of the row before the first."""
    position = cursors.decode(text, list_fingerprint, len(sort))
    for key, value in zip(sort, position, strict=True):
        field = ROW_ORDERS if key.column == ROW_ORDER else VOCABULARIES[table].fields[key.column]
        fits = field.allow_none if value is None else isinstance(value, TYPES_IN_CURSOR.get(kind_of(field), str))
        if not fits:
            raise BadValue(cursors.DAMAGED)
    return position


def parse_fields(table: str, text: str) -> Shape:
    """What `id,data.count,goal(title)` shows of a row."""
    return _shape(table, parse_names(text), "fields={}")


def parse_expand(table: str, text: str) -> tuple[Expansion, ...]:
    """The expansions of `goal,user(timezone),messages(limit:20)`."""
    return tuple(_expansion(table, name, inner, "expand={}") for name, inner in parse_names(text))


def _shape(table: str, names: Names, example: str, level: int = 0, in_list: bool = False) -> Shape:
    own, expandable = VOCABULARIES[table].fields, EXPANSIONS[table]
    columns: dict[str, None] = {}
    keys: dict[Place, None] = {}
    expansions: dict[str, Expansion] = {}
    for name, inner in names:
        if inner is None and name in own:
            columns[name] = None
        elif inner is None and name.partition(".")[0] in own:
            keys[_key(table, name)] = None
        elif name.partition(".")[0] in expandable:
            expansions[name] = _expansion(table, name, inner, example, level, in_list)
        else:
            _refuse_unknown(name, "column", [*own, *expandable], example)
    if len(keys) > MAX_KEYS:
        raise BadValue(f"names {len(keys)} keys inside objects; {MAX_KEYS} are allowed.")
    return Shape(tuple(columns), tuple(expansions.values()), tuple(keys))


def _key(table: str, name: str) -> Place:
    try:
        return VOCABULARIES[table].place(name)[0]
    except UnknownName as error:
        raise BadValue(f"names {name[:50]!r}, which {error}") from None


def _expansion(
    table: str, name: str, inner: Names | None, example: str, level: int = 0, in_list: bool = False
) -> Expansion:
    head, dot, behind = name.partition(".")
    if dot and head in EXPANSIONS[table]:
        raise BadValue(f"names {name[:50]!r}, which is written {head}({behind[:50]}).")
    _require_known(name, "name to expand", list(EXPANSIONS[table]), example)
    if level == MAX_REFERENCES:
        raise BadValue(f"goes more than {MAX_REFERENCES} levels deep. Ask for {name} by the ids that it has.")
    is_list = name in LISTS.get(table, ())
    if is_list and in_list:
        raise BadValue(f"puts a list, {name}, into each row of a list. Ask for one of them by itself.")
    target = EXPANSIONS[table][name]
    options, names = _options(inner or [])
    if options and not is_list:
        raise BadValue(f"gives {name} a {next(iter(options))}, which only a list takes.")
    if names and not target:
        _refuse_unknown(names[0][0], f"column of {name}", [], example)
    inside = example.format(f"{name}({{}})")
    shape = _shape(target, names, inside, level + 1, in_list or is_list) if target and names else WHOLE_ROW
    if not (target and is_list):
        return Expansion(name, shape)
    columns = list(VOCABULARIES[target].fields)
    sort = parse_sort(columns, options.get("sort", "created_at"), inside.format("sort:{}"))
    return Expansion(name, shape, _limit(name, options), total_order(sort))


def _options(inner: Names) -> tuple[dict[str, str], Names]:
    """The options of a list, `limit:20` and `sort:-sent_at` or `sort:(role,-sent_at)`, and the names beside them."""
    options: dict[str, str] = {}
    names: Names = []
    for text, more in inner:
        option, colon, value = text.partition(":")
        if option not in ("limit", "sort") or not colon or (value and more):
            names.append((text, more))
        elif any(deeper is not None for _, deeper in more or []):
            raise BadValue(f"has brackets inside of {option}:(…), which takes columns, as in sort:(role,-created_at).")
        elif option in options:
            raise BadValue(f"has {option} twice for one list.")
        else:
            options[option] = value or ",".join(each for each, _ in more or [])
    return options, names


def _limit(name: str, options: dict[str, str]) -> int:
    try:
        return LIMIT.deserialize(options.get("limit", str(DEFAULT_PAGE_SIZE)))
    except ValidationError as error:
        raise BadValue(f"gives {name} a limit, which {error.messages[0]}") from None


def parse_groups(text: str) -> tuple[str, ...]:
    return _parse_several(text, "group", GROUPS, "group_by={}")


def parse_time_column(table: str, text: str) -> str:
    columns = [name for name, kind in VOCABULARIES[table].kinds.items() if kind == "time"]
    _require_known(text, "time column", columns, "bucket_on={}")
    return text


def parse_written(table: str, control: str, text: str) -> tuple[str, ...]:
    """The names of columns that callers write; `replace` takes objects alone."""
    kinds = VOCABULARIES[table].kinds
    columns = [name for name in VOCABULARIES[table].fields if name not in READ_ONLY]
    if control != "replace":
        return _parse_several(text, "column to write", columns, f"{control}={{}}")
    return _parse_several(text, "object", [name for name in columns if kinds[name] == "object"], "replace={}")


def parse_word(word: str, text: str) -> bool:
    """True for this word, the only one that the parameter takes."""
    if text != word:
        raise BadValue(f"must be {word}, or be left out.")
    return True


def _parse_several(text: str, what: str, known: Sequence[str], example: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        _require_known(name, what, known, example)
    return names


def _require_known(name: str, what: str, known: Sequence[str], example: str) -> None:
    if name not in known:
        _refuse_unknown(name, what, known, example)


def _refuse_unknown(name: str, what: str, known: Sequence[str], example: str) -> NoReturn:
    """Raise BadValue for a name that is none of those known; in the example one of them is put."""
    message = f"names {name[:50]!r}, which is no {what}."
    found = closest(name, known)
    if found:
        raise BadValue(message + sentence(found, example.format(found)))
    if not known:
        raise BadValue(message)
    control, _, _ = example.partition("=")
    raise BadValue(f"{message} For example {example.format(known[0])}.", f"{control} takes {', '.join(known)}.")
