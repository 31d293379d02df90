"""What schemathesis cannot read from the OpenAPI document about valid requests; it loads this before it starts."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote
from uuid import uuid4
from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies

Schema = dict[str, Any]

# gunicorn takes a first line of 8,190 bytes.
MAX_QUERY_LENGTH = 7_500
MAX_KEY_LENGTH = 255
# Parameters whose values are names of columns, which each entity has its own.
NAMING_COLUMNS = ("fields", "update", "replace", "if_null")
# Parameters that say how an upsert changes a row, and those that say how groups are made.
OF_UPSERTS = ("update", "replace", "if_null")
OF_GROUPS = ("bucket_on", "tz", "fill", "sort", "limit")

offsets = strategies.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# RFC 3339 allows times that are outside the years 1 to 9999 once they are in UTC; the service rightly refuses them.
times = strategies.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets)

schemathesis.openapi.format("date-time", times.map(datetime.isoformat))
# OpenAPI has no format for names of time zones, and for the grammar of groups of filters.
schemathesis.openapi.format("iana-time-zone", strategies.sampled_from(sorted(available_timezones())))
schemathesis.openapi.format("groups", strategies.sampled_from(["(version:1)", "(id__in:();created_at__lt:now)"]))


@schemathesis.deserializer("application/x-ndjson")
def first_row(context: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """The first row of a stream, each line of which is as the document says of all."""
    return json.loads((response.content.splitlines() or [b"{}"])[0])


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: Schema) -> None:
    """Name those formats, and the columns that a write may name, which the document leaves to stay small."""
    components = raw_schema["components"]
    bodies = (components["schemas"][name]["properties"]["timezone"] for name in ("NewUser", "UserPatch"))
    for schema in (components["parameters"]["tz"]["schema"], *bodies):
        schema["format"] = "iana-time-zone"
    components["schemas"]["Alternatives"]["format"] = "groups"
    for name in [name for name in components["schemas"] if name.endswith("Filter")]:
        # It is open for keys inside objects and columns over references; any other name is refused.
        components["schemas"][name]["additionalProperties"] = False
    for path, operation in _operations(raw_schema):
        parameters = [_with_columns(each, path, raw_schema) for each in operation["parameters"]]
        operation["parameters"] = parameters
        if operation["operationId"].endswith("_by_filter") and "requestBody" in operation:
            # An empty change is allowed of one row alone; the document would have two bodies for that.
            body = deepcopy(_resolved(operation["requestBody"], raw_schema))
            for content in body["content"].values():
                content["schema"]["minProperties"] = 1
            operation["requestBody"] = body


def _operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, item in document["paths"].items():
        yield from ((path, operation) for method, operation in item.items() if method != "parameters")


def _with_columns(parameter: Schema, path: str, document: Schema) -> Schema:
    """The parameter; one that names columns with those that it takes."""
    name = parameter.get("$ref", "").rpartition("/")[2]
    if name not in NAMING_COLUMNS:
        return parameter
    create = document["paths"]["/".join(path.split("/")[:4])]["post"]
    new = create["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    written = document["components"]["schemas"][new]["properties"]
    row = document["components"]["schemas"][new.removeprefix("New")]["properties"]
    names = {
        "fields": [column for column in row if not column.endswith("_truncated")],
        "replace": [column for column, each in written.items() if "object" in str(each).lower()],
    }.get(name, [column for column in written if column != "id"])
    return _resolved(parameter, document) | {"schema": {"type": "array", "minItems": 1, "items": {"enum": names}}}


def _resolved(part: Schema, document: Schema) -> Schema:
    for name in part["$ref"].split("/")[1:] if "$ref" in part else ():
        document = document[name]
    return document if "$ref" in part else part


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Whether to send the request: not when an id in its path or query is another row's reference that is null, nor
    when its filters together are longer than a URL may be.
    """
    given = {**(case.path_parameters or {}), **(case.query or {})}
    length = sum(len(quote(name)) + len(quote(str(value))) + 2 for name, value in given.items())
    return None not in given.values() and length < MAX_QUERY_LENGTH


@schemathesis.hook
def map_case(context: schemathesis.HookContext, case: schemathesis.Case) -> schemathesis.Case:
    """The request, made to depend on itself as OpenAPI cannot say: one part on another, or on an earlier answer."""
    headers = case.headers or {}
    if 0 < len(headers.get("Idempotency-Key", "")) <= MAX_KEY_LENGTH:
        # A key is for one request; another with the same is refused.
        headers["Idempotency-Key"] = uuid4().hex
    if case.meta and case.meta.generation.mode.is_positive:
        for name in ("If-Match", "If-None-Match"):
            # What the coverage phase makes of a header whose pattern has quotes.
            if headers.get(name) == "0":
                headers[name] = '"1"'
        case.query = dict(case.query or {})
        _depend_on_itself(case.query, case)
        if case.operation.path.endswith("/batch"):
            _depend_on_paths(case.body["operations"])
        if case.operation.path.endswith("/increment"):
            case.body = _small(case.body)
    return case


@schemathesis.hook
def before_add_examples(context: schemathesis.HookContext, examples: list[schemathesis.Case]) -> None:
    """The examples of the document are not handed to `map_case`."""
    for case in examples:
        map_case(context, case)


def _depend_on_itself(query: Schema, case: schemathesis.Case) -> None:
    """Leave out what another part of the request would have to allow, and add what one needs."""
    method, path = case.operation.method, case.operation.path
    filters = query.keys() - {each.name for each in case.operation.query}
    # A cursor is what an answer brought.
    query.pop("cursor", None)
    if isinstance(query.get("sort"), list):
        # A column both ways at once is refused.
        query["sort"] = list({name.removeprefix("-"): name for name in query["sort"]}.values())
    if not filters and any(each.name == "filter" and each.is_required for each in case.operation.query):
        # A filter without members is nothing in a URL.
        query["version"] = 1
    if path.endswith("/messages") and method == "get":
        # Any condition on the conversation will do, such as on who has it.
        query.setdefault("conversation_id", str(uuid4()))
    if path.endswith("/statistics"):
        _depend_on_groups(query)
    if method == "post" and not path.endswith("/increment"):
        _depend_on_upsert(query, filters, case)


def _depend_on_groups(query: Schema) -> None:
    # A person and both dates are needed where nothing else is given.
    query.setdefault("status", "done")
    if not query.get("group_by"):
        for name in OF_GROUPS:
            query.pop(name, None)
    elif query.get("fill"):
        query |= {"group_by": ["week"], "sort": ["week"]}
    elif isinstance(query.get("sort"), list):
        # Groups have only the columns that they are grouped by.
        query["sort"] = [name for name in query["sort"] if name.removeprefix("-") in (*query["group_by"], "total")]


def _depend_on_upsert(query: Schema, filters: set[str], case: schemathesis.Case) -> None:
    upsert = query.get("upsert")
    for name in (*(OF_UPSERTS if upsert != "merge" else ()), *(filters if not upsert else ())):
        query.pop(name, None)
    if upsert:
        # Without an id it needs the columns of another key, which differ by entity.
        rows = case.body if isinstance(case.body, list) else [case.body]
        named = [row | {"id": str(uuid4())} for row in rows]
        case.body = named if isinstance(case.body, list) else named[0]


def _small(amounts: Schema) -> Schema:
    """The amounts, so small that a column can hold the sum whatever the row holds."""
    return {
        name: _small(amount) if isinstance(amount, dict) else int(name != "confidence")
        for name, amount in amounts.items()
    }


def _depend_on_paths(operations: list[Schema]) -> None:
    """Let each operation of a batch be a list: what it may have more depends on its path, and on those before it."""
    for index, operation in enumerate(operations):
        expected = {"expect": operation["expect"]} if "expect" in operation else {}
        operation.clear()
        operation.update(expected, name=f"operation-{index}", method="GET", path="/users?limit=1")
