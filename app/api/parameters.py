"""The query language in the OpenAPI document: each parameter described once, with its type, and referred to."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.query.model import GROUPS
from app.query.parser import MAX_LIST_VALUES, Fixed, QueryParser
from app.query.relations import REFERENCES, REVERSE, expansions_of
from app.query.values import OPERATORS_OF_KIND, kind_of
from app.query.vocabulary import VOCABULARIES, Parameter, Vocabulary, vocabulary
from app.schemas.fields import Choice, ListOf
from app.schemas.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

Schema = dict[str, Any]

TIME: Schema = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "pattern": "^now([+-][0-9]{1,9}[smhdw])?$"},
    ]
}
SCHEMAS: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"},
    "text": {"type": "string"},
    "integer": {"type": "integer", "format": "int32"},
    "number": {"type": "number"},
    "time": TIME,
    "flag": {"type": "boolean"},
    "object": {"type": "string", "contentMediaType": "application/json"},
    "key": {"type": "string"},
}
MEANINGS = {
    "eq": "Equal.",
    "ne": "Not equal; null counts as different.",
    "in": "One of these.",
    "nin": "None of these.",
    "gt": "Greater.",
    "gte": "Greater or equal.",
    "lt": "Less.",
    "lte": "Less or equal.",
    "like": "As this pattern: `*` stands for any characters.",
    "ilike": "As this pattern, in capitals or not.",
    "contains": "The list has this element.",
    "ncontains": "The list has not this element; null has none.",
    "empty": "Null or without an element, or not.",
    "isnull": "Null, or not.",
    "exists": "Something of this name points here, or nothing does.",
}
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
    names = [*_own_names(parser), *(f"{parser.table}.{name}" for name in _filters(parser))]
    return [*_described(parser), *names]


def components() -> dict[str, Schema]:
    """Every parameter that operations refer to, by the name of its component."""
    found: dict[str, Schema] = {}
    for table, names in VOCABULARIES.items():
        for name in _listed(names):
            found[f"{table}.{name}"] = _of_column(names, name, names.own[name])
        found[f"{table}.paths"] = _paths(names)
        expandable = ", ".join(f"`{name}`" for name in expansions_of(table)) or "nothing"
        schema, description = CONTROLS["expand"]
        found[f"{table}.expand"] = _parameter("expand", schema, f"{description} There are: {expandable}.")
    for name, (schema, description) in CONTROLS.items():
        if name not in ("limit", "expand"):
            found[name] = _parameter(name, schema, description)
    found["or"] = _parameter("or", {"type": "string"}, EITHER)
    return found


def _own_names(parser: QueryParser) -> Iterator[str]:
    for name in parser.controls:
        if name == "expand":
            yield f"{parser.table}.expand"
        elif name in CONTROLS and name != "limit":
            yield name
    if parser.filters:
        yield "or"


def _filters(parser: QueryParser) -> list[str]:
    if not parser.filters:
        return []
    return [*(name for name in _listed(vocabulary(parser.table)) if name not in parser.required), "paths"]


def _listed(vocabulary: Vocabulary) -> list[str]:
    """The names that are listed one by one; those that let null pass are among the paths."""
    return [name for name, parameter in vocabulary.own.items() if not parameter.or_null]


def _described(parser: QueryParser) -> Iterator[Schema]:
    """The parameters that are particular to one operation."""
    own = vocabulary(parser.table).own
    for name in parser.required:
        if name in own:
            yield _of_column(vocabulary(parser.table), name, own[name]) | {"required": True}
    for name, fixed in parser.fixed.items():
        yield _of_fixed(name, fixed) | ({"required": True} if name in parser.required else {})
    if "limit" in parser.controls:
        schema, description = CONTROLS["limit"]
        usual = {"default": DEFAULT_PAGE_SIZE} if "count" in parser.controls else {}
        yield _parameter("limit", schema | usual, description)


def _of_fixed(name: str, fixed: Fixed) -> Schema:
    return _parameter(name, fixed.schema or TIME, fixed.description)


def _of_column(vocabulary: Vocabulary, name: str, parameter: Parameter) -> Schema:
    meaning = MEANINGS[parameter.operator] + (" Or null." if parameter.or_null else "")
    if name == "phone":
        return _parameter(name, {"type": "string"}, "The phone number in `notification_preferences`, by its digits.")
    field = vocabulary.fields.get(parameter.place.column)
    schema = _schema(field, parameter.operator)
    made = _parameter(name, schema, meaning)
    return made | {"style": "form", "explode": False} if schema.get("type") == "array" else made


def _schema(field: Any, operator: str) -> Schema:
    if operator in ("isnull", "empty", "exists"):
        return SCHEMAS["flag"]
    if operator in ("like", "ilike"):
        return {"type": "string", "maxLength": 1000}
    if isinstance(field, ListOf):
        return SCHEMAS[kind_of(field.inner)]
    one = _choices(field) or SCHEMAS[kind_of(field)]
    if operator in ("in", "nin"):
        return {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_LIST_VALUES}
    return one


def _choices(field: Any) -> Schema | None:
    if not isinstance(field, Choice):
        return None
    return {"type": "string", "enum": list(field.choices)}


def _paths(vocabulary: Vocabulary) -> Schema:
    """One parameter of many names: keys inside objects, columns of what references point to, and `…_or_null`."""
    or_null = "|".join(name for name, parameter in vocabulary.own.items() if parameter.or_null)
    patterns = {f"^({or_null})$": {"type": "string"}}
    for column, field in vocabulary.fields.items():
        if kind_of(field) == "object":
            patterns[rf"^{column}(\.[^.]+){{1,3}}$"] = {"type": "string"}
    for reference, table in REFERENCES[vocabulary.table].items():
        for further, last in {"": table, **REFERENCES[table]}.items():
            path = rf"{reference}\.{further}\." if further else rf"{reference}\."
            columns = "|".join(VOCABULARIES[last].fields)
            patterns[rf"^{path}({columns})(\.[^.]+){{0,3}}$"] = {"type": "string"}
    description = (
        "A key inside an object, as in `profile.language=en`; a comparison that null passes too, as in "
        "`created_at__gte_or_null=now`; or a column of the row to which one or two references lead, as in "
        "`user.timezone=UTC`; "
        f"with the operators of its type behind `__`, for a key: {', '.join(OPERATORS_OF_KIND['key'])}. "
        f"What points here: {', '.join(REVERSE[vocabulary.table]) or 'nothing'}."
    )
    schema = {"type": "object", "patternProperties": patterns, "additionalProperties": False}
    return _parameter("paths", schema, description) | {"style": "form", "explode": True}


def _parameter(name: str, schema: Mapping[str, Any], description: str) -> Schema:
    return {"name": name, "in": "query", "schema": dict(schema), "description": description}
