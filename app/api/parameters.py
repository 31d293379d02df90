"""The query language in the OpenAPI document: each parameter described once, with its type, and referred to."""

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow.fields import Field

from app.query.model import GROUPS
from app.query.parser import Fixed, QueryParser
from app.query.relations import expansions_of
from app.query.values import kind_of
from app.query.vocabulary import SCHEMAS as ROW_SCHEMAS
from app.query.vocabulary import VOCABULARIES, Vocabulary, vocabulary
from app.schemas.fields import Choice, ListOf
from app.schemas.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

Schema = dict[str, Any]

FILTER_TIME = "FilterTime"
TIME: Schema = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "pattern": "^now([+-][0-9]{1,9}[smhdw])?$"},
    ]
}
TEXT: Schema = {"type": "string"}
SCHEMAS: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"},
    "text": TEXT,
    "integer": {"type": "integer", "format": "int32"},
    "number": {"type": "number"},
    "time": {"$ref": f"#/components/schemas/{FILTER_TIME}"},
    "flag": {"type": "boolean"},
    "object": {"type": "string", "contentMediaType": "application/json"},
    "key": TEXT,
}
FILTER = """\
Each member is a parameter of its own, as in `status=pending&scheduled_at__lt=now`, and all must hold. A column alone is
equal to the value; behind `__` stands another comparison: `ne` (null counts as different), `gt`, `gte`, `lt`, `lte`,
`in` and `nin` (values by comma), `like` and `ilike` (`*` stands for any characters), `contains` and `ncontains` (an
element of a list), `empty`, `isnull`, and `exists` (something of this name points here). With `_or_null` behind it null
passes too. `profile.language` is a key inside an object, `user.timezone` a column of the row that a reference leads to;
both take operators. A name may be given twice."""
CONTROLS: dict[str, tuple[Schema, str]] = {
    "sort": ({"type": "string"}, "Columns by comma; `-` before one is descending; nulls last unless `:nullsfirst`."),
    "limit": ({"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE}, "How many rows to answer at most."),
    "skip": ({"type": "integer", "minimum": 0, "maximum": 2**31 - 1}, "How many rows to leave out from the start."),
    "cursor": ({"type": "string"}, "The `next_cursor` of the page before."),
    "count": (
        {"type": "string", "enum": ["exact", "estimated", "none"]},
        "How `total` is found; by default exact, and none with a cursor.",
    ),
    "fields": (
        {"type": "string"},
        "Only these columns, by comma; `data.count` is a key of an object, `goal(title)` puts a column of the goal in.",
    ),
    "expand": (
        {"type": "string"},
        "What to put into each row, by comma, such as `goal,user(timezone)`; of a list the first 100, or `(limit:5)`.",
    ),
    "upsert": (
        {"type": "string", "enum": ["merge", "ignore"]},
        "When a row with the same key exists: merge the body into it, or leave it alone. Filters say when to merge.",
    ),
    "update": ({"type": "string"}, "With `upsert=merge` the fields, by comma, that change in a row that is there."),
    "replace": ({"type": "string"}, "Objects, by comma, that are replaced whole where others are merged."),
    "if_null": ({"type": "string"}, "Fields of the body, by comma, that are written only where they are null."),
    "skip_locked": ({"type": "boolean", "default": False}, "Pass over rows that another transaction holds."),
    "max_affected": (
        {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 1000},
        "When more rows match, nothing is changed and the answer is 409.",
    ),
    "return": ({"type": "string", "enum": ["rows"]}, "Answer the changed rows too."),
    "group_by": ({"type": "string"}, f"What to group by, by comma: {', '.join(f'`{name}`' for name in GROUPS)}."),
    "bucket_on": (
        {"type": "string"},
        "The time column that is cut into days and so on; else `scheduled_at`.",
    ),
    "consistency": (
        {"type": "string", "enum": ["eventual"]},
        "Let a replica answer, some seconds behind at most; left out, all that was written is seen.",
    ),
    "tz": ({"type": "string"}, "The IANA time zone of those days; `UTC` if not given."),
}
EITHER = (
    "One of several groups: `(status__in:(pending,done);status:missed,goal_id__isnull:false)`. `;` between groups, `,` "
    'means and, `(…)` is a list, `"…"` a value that has one of these signs. May be given twice.'
)


def references(parser: QueryParser) -> list[Schema | str]:
    """What an operation with this parser lists as its parameters: descriptions, or names of components."""
    return [*_described(parser), *_own_names(parser)]


def components() -> dict[str, Schema]:
    """Every parameter that operations refer to, by the name of its component."""
    found = {
        name: _parameter(name, schema, description)
        for name, (schema, description) in CONTROLS.items()
        if name not in ("limit", "expand")
    }
    found["or"] = _parameter("or", {"type": "string"}, EITHER)
    for table in VOCABULARIES:
        expandable = ", ".join(f"`{name}`" for name in expansions_of(table)) or "nothing"
        schema, description = CONTROLS["expand"]
        found[f"{table}.expand"] = _parameter("expand", schema, f"{description} There are: {expandable}.")
        reference = {"$ref": f"#/components/schemas/{_name_of_filter(table)}"}
        # Its members are sent as parameters of their own.
        found[f"{table}.filter"] = _parameter("filter", reference, FILTER) | {"style": "form", "explode": True}
    return found


def filters() -> dict[str, Schema]:
    """What the rows of each entity can be filtered by, by the name of its schema."""
    return {_name_of_filter(table): _filter(names) for table, names in VOCABULARIES.items()} | {FILTER_TIME: TIME}


def _name_of_filter(table: str) -> str:
    return f"{ROW_SCHEMAS[table].__name__.removesuffix('Schema')}Filter"


def _filter(vocabulary: Vocabulary) -> Schema:
    """Each column with its operators by name; keys inside objects, paths over references and `…_or_null` by pattern."""
    own = {
        name: _schema(vocabulary.fields.get(parameter.place.column), parameter.operator)
        for name, parameter in vocabulary.own.items()
        if not parameter.or_null
    }
    patterns = {"^[a-z_]+_or_null$": TEXT, r"^[a-z_]+(\.[^.]+){1,5}$": TEXT}
    return {"type": "object", "properties": own, "patternProperties": patterns, "additionalProperties": False}


def _own_names(parser: QueryParser) -> Iterator[str]:
    for name in parser.controls:
        if name == "expand":
            yield f"{parser.table}.expand"
        elif name in CONTROLS and name != "limit":
            yield name
    if parser.filters:
        yield from ("or", f"{parser.table}.filter")


def _described(parser: QueryParser) -> Iterator[Schema]:
    """The parameters that are particular to one operation."""
    own = vocabulary(parser.table).own
    for name in parser.required:
        if name in own:
            column = own[name].place.column
            schema = _schema(vocabulary(parser.table).fields[column], own[name].operator)
            yield _parameter(name, schema, f"The {column} of the rows.") | {"required": True}
    for name, fixed in parser.fixed.items():
        yield _of_fixed(name, fixed) | ({"required": True} if name in parser.required else {})
    if "limit" in parser.controls:
        schema, description = CONTROLS["limit"]
        usual = {"default": DEFAULT_PAGE_SIZE} if "count" in parser.controls else {}
        yield _parameter("limit", schema | usual, description)


def _of_fixed(name: str, fixed: Fixed) -> Schema:
    return _parameter(name, fixed.schema or TIME, fixed.description)


def _schema(field: Field[Any] | None, operator: str) -> Schema:
    if operator in ("isnull", "empty", "exists"):
        return {"type": "boolean"}
    if operator in ("in", "nin", "like", "ilike") or field is None:
        return TEXT
    if isinstance(field, Choice):
        return {"type": "string", "enum": list(field.choices)}
    return SCHEMAS[kind_of(field.inner if isinstance(field, ListOf) else field)]


def _parameter(name: str, schema: Mapping[str, Any], description: str) -> Schema:
    return {"name": name, "in": "query", "schema": dict(schema), "description": description}
