"""The query language in the OpenAPI document: one filter an entity, and every other parameter described once."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.query.model import GROUPS
from app.query.parser import MAX_LIST_VALUES, Fixed, QueryParser
from app.query.relations import EXPANSIONS, LISTS, REFERENCES
from app.query.values import COMPARED, RANGES, kind_of
from app.query.vocabulary import SCHEMAS, VOCABULARIES, Parameter
from app.schemas.fields import Choice, ListOf
from app.schemas.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

Schema = dict[str, Any]

MOMENT = "Moment"
DESCENDING = "Descending"
# A filter that finds rows, and one that says which rows a write or a read of one row may be about.
FIND, MATCH = "find", "match"
KINDS: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"},
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "time": {"$ref": f"#/components/schemas/{MOMENT}"},
    "flag": {"type": "boolean"},
    "object": {"type": "string", "contentMediaType": "application/json"},
}
# The components of lists of them.
PLURALS = {"uuid": "Ids", "text": "Texts"}
CONTROLS: dict[str, tuple[Schema, str]] = {
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
        f"How many rows at most; pages have {DEFAULT_PAGE_SIZE} if it is not given.",
    ),
    "skip": ({"type": "integer", "minimum": 0, "maximum": 2**31 - 1}, "How many rows to leave out from the start."),
    "cursor": ({"type": "string"}, "The `next_cursor` of the page before; all else as it was."),
    "count": (
        {"type": "string", "enum": ["exact", "estimated", "none"]},
        "How `total` is found; by default exact, and none with a cursor.",
    ),
    "upsert": (
        {"type": "string", "enum": ["merge", "ignore"]},
        "When a row with the same key is there: merge the body into it if it matches the filter, or leave it be (200).",
    ),
    "update": (
        {"type": "array", "items": {"type": "string"}},
        "With `upsert=merge` the fields that change in a row that is there; `replace` and `if_null` work too.",
    ),
    "replace": ({"type": "array", "items": {"type": "string"}}, "Objects to replace whole where others are merged."),
    "if_null": ({"type": "array", "items": {"type": "string"}}, "Fields to write only where they are null."),
    "skip_locked": ({"type": "boolean"}, "Pass over rows that another transaction holds."),
    "max_affected": (
        {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 1000},
        "When more rows match, nothing is changed and the answer is 409.",
    ),
    "return": ({"type": "string", "enum": ["rows"]}, "Answer the changed rows too."),
    "group_by": ({"type": "array", "items": {"type": "string", "enum": list(GROUPS)}}, "What to group by."),
    "bucket_on": ({"type": "string"}, "The time column that is cut into days and so on; else `scheduled_at`."),
    "tz": ({"type": "string"}, "The time zone of those days, by its IANA name; else `UTC`."),
    "fill": ({"type": "boolean"}, "Dates between others that have no task too, where `group_by` is one of them alone."),
    "consistency": (
        {"type": "string", "enum": ["eventual"]},
        "Let a replica answer, some seconds behind at most; left out, all that was written is seen.",
    ),
}
HEADERS: dict[str, tuple[Schema, str]] = {
    "If-Match": ({"type": "string"}, 'Only if the row is at this version, as in `"7"`; else 412.'),
    "If-None-Match": ({"type": "string"}, 'Answer 304 if the row is still at this version, as in `"7"`.'),
    "Idempotency-Key": (
        {"type": "string", "minLength": 1, "maxLength": 255},
        "A new one for each write; the same request with the same key is done once, and answered alike.",
    ),
}
EITHER = "Such as `(status:done;status:missed,goal_id__isnull:false)`; `;` is or, `,` is and, `(…)` a list."


def parameters(parser: QueryParser) -> list[Schema | str]:
    """What an operation with this parser lists as its query: descriptions, or names of components."""
    return [*_described(parser), *sorted(_named(parser), key=lambda name: not name.endswith((FIND, MATCH)))]


def header_parameters(methods: Sequence[str], rule: str) -> list[str]:
    """The names of the headers that mean something to an operation."""
    one_row = rule.endswith(":id>")
    if "GET" in methods:
        return ["If-None-Match"] if one_row else []
    conditional = ["If-Match"] if one_row and "POST" not in methods else []
    return [*conditional, "Idempotency-Key"]


def components() -> dict[str, tuple[str, Schema]]:
    """Every parameter that operations refer to, by the name of its component, with where it stands."""
    found: dict[str, tuple[str, Schema]] = {}
    for name, (schema, description) in CONTROLS.items():
        found[name] = "query", _parameter(name, _ref(_mode(name)) if "enum" in schema else schema, description)
    for name, (schema, description) in HEADERS.items():
        found[name] = "header", {"schema": schema, "description": description}
    for table in SCHEMAS:
        expansions = [_ref(f"{row_name(table)}Expansion")] if EXPANSIONS[table] else []
        for name, items, description in (
            ("sort", [_column_of(table), _ref(DESCENDING)], "Nulls come last."),
            ("fields", [_column_of(table), *expansions], "Answer only these; `user(timezone)` of what is expanded."),
            ("expand", expansions, "Rows to put into each row; `user(timezone)` chooses columns."),
        ):
            if items:
                each = {"anyOf": items} if len(items) > 1 else items[0]
                found[f"{table}.{name}"] = "query", _parameter(name, {"type": "array", "items": each}, description)
        found[f"{table}.{FIND}"] = "query", _filter_parameter(table, _example(table))
        # The docs page fills examples in, and what a write is about must not be one.
        found[f"{table}.{MATCH}"] = "query", _filter_parameter(table, {})
    return found


def schemas() -> dict[str, Schema]:
    """The filters, and what their values refer to, by the names of their components."""
    relative = {"type": "string", "pattern": "^now([+-][0-9]{1,5}[smhdw])?$"}
    found: dict[str, Schema] = {
        MOMENT: {
            "description": "RFC 3339 with an offset, or relative to the database's clock: `now`, `now-30d`.",
            "anyOf": [{"type": "string", "format": "date-time"}, relative],
        }
    }
    # What has a name is one type to whoever generates code, and not one for each operation.
    found |= {_mode(name): schema for name, (schema, _) in CONTROLS.items() if "enum" in schema}
    found["Alternatives"] = {"type": "string", "description": EITHER}
    found[DESCENDING] = {"type": "string", "pattern": "^-[a-z_]+$"}
    for table in SCHEMAS:
        found |= _choices(table)
        found[f"{row_name(table)}Column"] = {"type": "string", "enum": list(VOCABULARIES[table].fields)}
        if EXPANSIONS[table]:
            found[f"{row_name(table)}Expansion"] = {"type": "string", "enum": list(EXPANSIONS[table])}
    for name, schema in [(PLURALS[kind], KINDS[kind]) for kind in PLURALS]:
        found[name] = _list_of(schema)
    return found | {f"{row_name(table)}Filter": _filter(table) for table in SCHEMAS}


def expansions() -> dict[str, dict[str, Schema]]:
    """What each kind of row can show besides its columns, by the names of the components."""
    return {
        row_name(table): {name: _expansion(table, name) for name in EXPANSIONS[table]}
        | {f"{name}_truncated": KINDS["flag"] for name in LISTS.get(table, ())}
        for table in SCHEMAS
    }


def _expansion(table: str, name: str) -> Schema:
    there = EXPANSIONS[table][name]
    if there is None:
        return {"type": "object", "description": "`total`, and `by_status`."}
    row = _ref(row_name(there))
    return {"type": "array", "items": row} if name in LISTS.get(table, ()) else {"anyOf": [row, {"type": "null"}]}


def row_name(table: str) -> str:
    """What the document calls a row of this table."""
    return SCHEMAS[table].__name__.removesuffix("Schema")


def _described(parser: QueryParser) -> Iterator[Schema]:
    """The parameters that are particular to one operation."""
    for name, fixed in parser.fixed.items():
        yield _of_fixed(name, fixed) | ({"required": True} if name in parser.required else {})


def _named(parser: QueryParser) -> Iterator[str]:
    # An upsert takes what a change takes too; `update` says so, to keep a creation's list short.
    left_out = ("replace", "if_null") if "upsert" in parser.controls else ()
    for name in parser.controls:
        if name in left_out:
            continue
        if name in CONTROLS:
            yield name
        elif name != "expand" or EXPANSIONS[parser.table]:
            yield f"{parser.table}.{name}"
    if parser.filters:
        is_list = "consistency" in parser.controls and not parser.operation.startswith("get ")
        yield f"{parser.table}.{FIND if is_list else MATCH}"


def _of_fixed(name: str, fixed: Fixed) -> Schema:
    return _parameter(name, fixed.schema or KINDS["time"], fixed.description) | {"in": "query", "name": name}


def _column_of(table: str) -> Schema:
    return _ref(f"{row_name(table)}Column")


def _filter_parameter(table: str, example: Schema) -> Schema:
    schema = _ref(f"{row_name(table)}Filter")
    return {"name": "filter", "schema": schema, "style": "form", "explode": True, "example": example}


def _example(table: str) -> Schema:
    fields = VOCABULARIES[table].fields.items()
    choices = {name: field.choices[0] for name, field in fields if isinstance(field, Choice)}
    return dict(list(choices.items())[:1]) or {"created_at__lt": "now"}


def _filter(table: str) -> Schema:
    own = VOCABULARIES[table].own
    references = ", ".join(f"`{name}`" for name in REFERENCES[table])
    objects = ", ".join(f"`{name}`" for name, field in VOCABULARIES[table].fields.items() if kind_of(field) == "object")
    others = "; ".join(
        f"{what}: {names}" for what, names in (("references", references), ("objects", objects)) if names
    )
    properties = {name: _schema(table, each) for name, each in own.items() if _is_listed(table, each)}
    return {
        "type": "object",
        "description": f"Keys with dots lead into {others}." if others else "All must hold.",
        "properties": properties | {"or": _ref("Alternatives")},
        # Any, since TypeScript holds the members that are listed against it too.
        "additionalProperties": True,
    }


def _is_listed(table: str, parameter: Parameter) -> bool:
    """Whether a filter is listed by itself: those that nobody would look for stand in the rule for all."""
    field = VOCABULARIES[table].fields.get(parameter.place.column)
    if parameter.or_null or field is None:
        return not parameter.or_null
    if parameter.operator == "isnull":
        return bool(field.allow_none)
    if parameter.operator in ("ne", "nin", "like"):
        return isinstance(field, Choice) and parameter.operator == "ne"
    return parameter.operator == "eq" or not (
        (kind_of(field) == "time" and parameter.operator not in RANGES)
        or (kind_of(field) in ("integer", "number") and parameter.operator == "in")
        or (isinstance(field, Choice) and parameter.operator not in COMPARED)
    )


def _schema(table: str, parameter: Parameter) -> Schema:
    field = VOCABULARIES[table].fields.get(parameter.place.column)
    if parameter.operator in ("isnull", "empty", "exists"):
        return KINDS["flag"]
    if field is None or parameter.operator in ("like", "ilike"):
        return KINDS["text"]
    if isinstance(field, ListOf):
        return KINDS[kind_of(field.inner)]
    is_list = parameter.operator in ("in", "nin")
    if isinstance(field, Choice):
        name = choice_name(row_name(table), parameter.place.column)
        return _ref(f"{name}List" if is_list else name)
    return _ref(PLURALS[kind_of(field)]) if is_list else KINDS[kind_of(field)]


def _choices(table: str) -> dict[str, Schema]:
    """The columns of a few texts, each described once, and lists of them."""
    found: dict[str, Schema] = {}
    for column, field in VOCABULARIES[table].fields.items():
        if isinstance(field, Choice):
            name = choice_name(row_name(table), column)
            found[name] = {"type": "string", "enum": list(field.choices)}
            found[f"{name}List"] = _list_of(_ref(name))
    return found


def choice_name(row: str, column: str) -> str:
    """What the document calls the type of a column of a few texts."""
    return row + "".join(part.capitalize() for part in column.split("_"))


def _mode(control: str) -> str:
    return f"{control.capitalize()}Mode"


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": MAX_LIST_VALUES}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "schema": schema, "description": description}
