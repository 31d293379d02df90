"""The query language in the OpenAPI document: one filter an entity, and every other parameter described once."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.query.model import COMPARED, FLAGGED, GROUPS, LISTED, PATTERNS, RANGES
from app.query.parser import MAX_CONDITIONS, MAX_LIST_VALUES, Fixed, QueryParser
from app.query.relations import EXPANSIONS, LISTS, REFERENCES
from app.query.values import kind_of
from app.query.vocabulary import SCHEMAS, VOCABULARIES, Parameter
from app.schemas.fields import Choice, ListOf
from app.schemas.pages import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

Schema = dict[str, Any]

TIME = "Time"
# A filter that finds rows, one that says which row a write or a read may be about, and one that a write must have.
FIND, MATCH, CHOOSE = "find", "match", "choose"
KINDS: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"},
    "text": {"type": "string"},
    "integer": {"type": "integer", "format": "int32"},
    "number": {"type": "number"},
    "time": {"$ref": f"#/components/schemas/{TIME}"},
    "flag": {"type": "boolean"},
}
# The components of lists of them.
PLURALS = {"uuid": "Ids", "text": "Texts"}
# In a list a text with a comma or a quote stands in quotes.
IN_LISTS = {"uuid": KINDS["uuid"], "text": {"type": "string", "pattern": r'^([^"]*|"([^"\\]|\\.)*")$'}}
TIMES_OF_TASKS = [name for name, field in VOCABULARIES["tasks"].fields.items() if kind_of(field) == "time"]
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
    "fields": (
        {"type": "array", "items": {"type": "string"}},
        "Answer only these columns, `data.hour` of objects, `user(timezone)` of what is expanded.",
    ),
    "skip_locked": ({"type": "boolean"}, "Pass over rows that another transaction holds."),
    "max_affected": (
        {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 1000},
        "When more rows match, nothing is changed and the answer is 409.",
    ),
    "return": ({"type": "string", "enum": ["rows"]}, "Answer the changed rows too."),
    "group_by": ({"type": "array", "items": {"type": "string", "enum": list(GROUPS)}}, "What to group by."),
    "bucket_on": (
        {"type": "string", "enum": TIMES_OF_TASKS},
        "The time column that is cut into days and so on; else `scheduled_at`.",
    ),
    "tz": ({"type": "string"}, "The time zone of those days, by its IANA name; else `UTC`."),
    "fill": ({"type": "boolean"}, "Dates between others that have no task too, where `group_by` is one of them alone."),
    "consistency": (
        {"type": "string", "enum": ["eventual"]},
        "Let a replica answer, some seconds behind at most; left out, all that was written is seen.",
    ),
}
# The short name of a component that every write refers to.
KEY = "Key"
# `*`, or entity tags (RFC 9110, section 13.1).
ENTITY_TAGS = {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'}
HEADERS: dict[str, tuple[Schema, str]] = {
    "If-Match": (ENTITY_TAGS, 'Only if the row is at this version, as in `"7"`; else 412.'),
    "If-None-Match": (ENTITY_TAGS, 'Answer 304 if the row is still at this version, as in `"7"`.'),
    KEY: (
        {"type": "string", "minLength": 1, "maxLength": 255},
        "A new one for each write; the same request with the same key is done once, and answered alike.",
    ),
}
# What anybody would look for in the columns that the service writes.
SOUGHT: dict[str, tuple[str, ...]] = {"version": ("eq",), "created_at": RANGES, "updated_at": RANGES}
EITHER = "Such as `(status:done;status:missed,goal_id__isnull:false)`; `;` is or, `,` is and, `(…)` a list."


def parameters(parser: QueryParser) -> list[Schema | str]:
    """What an operation with this parser lists as its query: descriptions, or names of components."""
    return [*_described(parser), *sorted(_named(parser), key=lambda name: not name.endswith((FIND, MATCH, CHOOSE)))]


def header_parameters(methods: Sequence[str], rule: str) -> list[str]:
    """The names of the headers that mean something to an operation."""
    one_row = rule.endswith(":id>")
    if "GET" in methods:
        return ["If-None-Match"] if one_row else []
    conditional = ["If-Match"] if one_row and "POST" not in methods else []
    return [*conditional, KEY]


def components() -> dict[str, tuple[str, Schema]]:
    """Every parameter that operations refer to, by the name of its component, with where it stands."""
    found: dict[str, tuple[str, Schema]] = {}
    for name, (schema, description) in CONTROLS.items():
        found[name] = "query", _parameter(name, _ref(_mode(name)) if "enum" in schema else schema, description)
    for name, (schema, description) in HEADERS.items():
        in_request = {KEY: "Idempotency-Key"}.get(name, name)
        found[name] = "header", {"name": in_request, "schema": schema, "description": description}
    for table in SCHEMAS:
        for name, items, description in (
            ("sort", f"{row_name(table)}Order", "Nulls come last."),
            ("expand", f"{row_name(table)}Expansion", "Rows to put into each row; `fields` chooses their columns."),
        ):
            if name != "expand" or EXPANSIONS[table]:
                schema = {"type": "array", "items": _ref(items)}
                found[f"{table}.{name}"] = "query", _parameter(name, schema, description)
        found[f"{table}.{FIND}"] = "query", _filter_parameter(table, _example(table))
        # The docs page fills examples in, and what a write is about must not be one.
        found[f"{table}.{MATCH}"] = "query", _filter_parameter(table, {})
        found[f"{table}.{CHOOSE}"] = "query", _filter_parameter(table, {}) | {"required": True}
    return found


def schemas() -> dict[str, Schema]:
    """The filters, and what their values refer to, by the names of their components."""
    found: dict[str, Schema] = {
        # Two kinds of text, but one type to whoever generates code.
        TIME: {
            "type": "string",
            "description": "RFC 3339 with an offset, or by the database's clock: `now`, `now-30d`.",
            "if": {"pattern": "^now"},
            "then": {"pattern": "^now([+-]([0-9]{1,5}[smh]|[0-9]{1,4}d|[0-9]{1,3}w))?$"},
            "else": {"format": "date-time"},
        }
    }
    # What has a name is one type to whoever generates code, and not one for each operation.
    found |= {_mode(name): schema for name, (schema, _) in CONTROLS.items() if "enum" in schema}
    found["GroupOrder"] = {"type": "string", "enum": _both_ways([*GROUPS, "total"])}
    found["Alternatives"] = {"type": "string", "description": EITHER}
    for table in SCHEMAS:
        found |= _choices(table)
        columns = list(VOCABULARIES[table].fields)
        for name, texts in (
            ("Order", _both_ways(columns)),
            ("Expansion", list(EXPANSIONS[table])),
        ):
            if texts:
                found[f"{row_name(table)}{name}"] = {"type": "string", "enum": texts}
    for kind, name in PLURALS.items():
        found[name] = _list_of(IN_LISTS[kind])
    return found | {f"{row_name(table)}Filter": _filter(table) for table in SCHEMAS}


def expansions() -> dict[str, dict[str, Schema]]:
    """What each kind of row can show besides its columns, by the names of the components."""
    return {
        row_name(table): {name: _expansion(table, name) for name in EXPANSIONS[table]}
        | {f"{name}_truncated": KINDS["flag"] for name in LISTS.get(table, ())}
        for table in SCHEMAS
    }


def _expansion(table: str, name: str) -> Schema:
    target = EXPANSIONS[table][name]
    if target is None:
        return {"type": "object", "description": "`total`, and `by_status`."}
    row = _ref(row_name(target))
    return {"type": "array", "items": row} if name in LISTS.get(table, ()) else {"anyOf": [row, {"type": "null"}]}


def row_name(table: str) -> str:
    """What the document calls a row of this table."""
    return SCHEMAS[table].__name__.removesuffix("Schema")


def _described(parser: QueryParser) -> Iterator[Schema]:
    """The parameters that are particular to one operation."""
    for name, fixed in parser.fixed.items():
        yield _of_fixed(name, fixed) | ({"required": True} if name in parser.required else {})
    for name in parser.required:
        if name not in parser.fixed:
            schema = _schema(parser.table, VOCABULARIES[parser.table].parameter(name))
            yield {"in": "query", "name": name, "required": True, "schema": schema}
    if "group_by" in parser.controls:
        schema = {"type": "array", "items": _ref("GroupOrder")}
        yield _parameter("sort", schema, "Groups by their names, or by `total`.") | {"in": "query"}


def _named(parser: QueryParser) -> Iterator[str]:
    left_out = _left_out(parser)
    for name in parser.controls:
        if name in left_out or (name == "expand" and not EXPANSIONS[parser.table]):
            continue
        yield name if name in CONTROLS else f"{parser.table}.{name}"
    if parser.filters:
        yield f"{parser.table}.{_purpose(parser)}"


def _left_out(parser: QueryParser) -> Sequence[str]:
    """The parameters that are described elsewhere, or that find nothing in the table."""
    if "upsert" in parser.controls:
        # It takes what a change takes too; `update` says so, to keep a creation's list short.
        return "replace", "if_null"
    if "group_by" in parser.controls:
        return ("sort",)
    kinds = map(kind_of, VOCABULARIES[parser.table].fields.values())
    return () if "object" in kinds else ("replace",)


def _purpose(parser: QueryParser) -> str:
    """What the filter is for."""
    if "max_affected" in parser.controls or parser.required_row:
        return CHOOSE
    is_list = "consistency" in parser.controls and not parser.operation.startswith("get ")
    return FIND if is_list else MATCH


def _of_fixed(name: str, fixed: Fixed) -> Schema:
    return _parameter(name, fixed.schema or KINDS["time"], fixed.description) | {"in": "query", "name": name}


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
        "maxProperties": MAX_CONDITIONS,
        # Any, since TypeScript holds the members that are listed against it too.
        "additionalProperties": True,
    }


def _is_listed(table: str, parameter: Parameter) -> bool:
    """Whether a filter is listed by itself: those that nobody would look for stand in the rule for all."""
    field = VOCABULARIES[table].fields.get(parameter.place.column)
    if parameter.or_null or field is None:
        return not parameter.or_null
    if parameter.place.column in SOUGHT:
        return parameter.operator in SOUGHT[parameter.place.column]
    if parameter.operator == "isnull":
        return bool(field.allow_none)
    if parameter.operator in ("ne", "nin", "like") or kind_of(field) == "object":
        return isinstance(field, Choice) and parameter.operator == "ne"
    return parameter.operator == "eq" or not (
        (kind_of(field) == "time" and parameter.operator not in RANGES)
        or (kind_of(field) in ("integer", "number") and parameter.operator == "in")
        or (isinstance(field, Choice) and parameter.operator not in COMPARED)
    )


def _schema(table: str, parameter: Parameter) -> Schema:
    field = VOCABULARIES[table].fields.get(parameter.place.column)
    if parameter.operator in FLAGGED:
        return KINDS["flag"]
    if parameter.place.column == "phone":
        return {"type": "string", "pattern": "[0-9]"}
    if field is None or parameter.operator in PATTERNS:
        return KINDS["text"]
    if isinstance(field, ListOf):
        return KINDS[kind_of(field.inner)]
    is_list = parameter.operator in LISTED
    if isinstance(field, Choice):
        name = choice_name(row_name(table), parameter.place.column)
        return _ref(f"{name}List" if is_list else name)
    return _ref(PLURALS[kind_of(field)]) if is_list else KINDS[kind_of(field)]


def _both_ways(names: Sequence[str]) -> list[str]:
    return [*names, *(f"-{name}" for name in names)]


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
    return row + _capitalized(column)


def _mode(control: str) -> str:
    return f"{_capitalized(control)}Mode"


def _capitalized(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": MAX_LIST_VALUES}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "schema": schema, "description": description}
