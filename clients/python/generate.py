"""Writes entities.py: the rows and the operations of each entity, from the service's OpenAPI document."""

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "src" / "flux_dao_client" / "entities.py"
PREFIX = "/api/v1"
ASSIGNED = ("created_at", "updated_at", "version")

HEAD = '''"""The entities: their rows as dictionaries, and their operations. Written by generate.py; do not edit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, Required, TypedDict, Unpack

from flux_dao_client.calls import Filters
from flux_dao_client.collection import Collection, Found, Nothing, Number, Row, Rows, Sender
from flux_dao_client.references import Pending

Time = datetime | str
'''

CREATE = '''
    def create(self, **values: Unpack[New{row}]) -> Row:
        """Store a row. Raises Invalid, ValueTaken, Conflict."""
        return self._create(values)

    def upsert(
        self,
        *,
        ignore: bool = False,
        where: Filters | None = None,
        **values: Unpack[New{row}],
    ) -> Row:
        """Store a row, or merge these values into the one that has its key; with `ignore` leave that one alone."""
        return self._upsert(values, ignore, where)
'''

UPDATE = '''
    def update(
        self,
        id: str,
        *,
        if_match: int | None = None,
        where: Filters | None = None,
        replace: bool = False,
        **values: Unpack[{row}Patch],
    ) -> Row:
        """Change a row, if it is at this version and matches `where`. Objects are merged (RFC 7396), or replaced."""
        return self._update(id, values, if_match, where, replace)

    def update_where(self, where: Filters, *, replace: bool = False, **values: Unpack[{row}Patch]) -> Number:
        """Change all rows that match; how many."""
        return self._update_where(where, values, replace)

    def claim(self, where: Filters, *, limit: int, sort: str | None = None, **values: Unpack[{row}Patch]) -> Rows:
        """Change the first `limit` rows that match and that nobody else holds, and give them. Nobody waits."""
        return self._claim(where, limit, sort, values)
'''

INCREMENT = '''
    def increment(self, id: str, **amounts: Any) -> Row:
        """Add to numbers of the row: `monthly_token_usage={{"total": 120}}`. Parallel calls add up."""
        return self._increment(id, amounts)
'''


def main(document: dict[str, Any]) -> str:
    """The text of entities.py."""
    schemas, paths = document["components"]["schemas"], document["paths"]
    entities = list(_entities(document))
    parts = [HEAD]
    for name, path, row in entities:
        parts += _rows(row, schemas)
        parts.append(_operations(name, row, paths, path))
    parts += [
        _connection("Entities", "at once", entities, "{row}, list[{row}], Iterator[{row}], int, None"),
        _connection(
            "AsyncEntities",
            "when awaited",
            entities,
            "Awaitable[{row}], Awaitable[list[{row}]], AsyncIterator[{row}], Awaitable[int], Awaitable[None]",
        ),
        _connection("BatchEntities", "when the batch is sent", entities, "Pending, Pending, Pending, Pending, Pending"),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _entities(document: dict[str, Any]) -> Any:
    """For each entity its name as an attribute, its path, and the name of its row's schema."""
    for path, operations in document["paths"].items():
        if path.endswith("/{id}"):
            answer = _resolved(operations["get"]["responses"]["200"], document)
            collection = path.removeprefix(PREFIX).removesuffix("/{id}")
            row = _name(answer["content"]["application/json"]["schema"])
            yield collection.strip("/").replace("-", "_"), collection, row


def _rows(row: str, schemas: dict[str, Any]) -> Any:
    yield _typed_dict(row, schemas, f"A row of {row}, as the service answers it.", "row")
    yield _typed_dict(f"New{row}", schemas, "What a new row takes.", "new")
    if f"{row}Patch" in schemas:
        yield _typed_dict(f"{row}Patch", schemas, "What a change takes.", "patch")


def _typed_dict(name: str, schemas: dict[str, Any], sentence: str, kind: str) -> str:
    schema = schemas[name]
    total = "" if kind == "row" else ", total=False"
    lines = [f"class {name}(TypedDict{total}):", f'    """{sentence}"""', ""]
    for column, value in schema["properties"].items():
        kind_of = _type(value, "str" if kind == "row" else "Time", schemas)
        if kind == "row" and column not in (*schemas[f"New{name}"]["properties"], *ASSIGNED):
            # It is there only when `expand` asks for it.
            kind_of = f"NotRequired[{kind_of}]"
        if kind == "new" and column in schema.get("required", ()):
            kind_of = f"Required[{kind_of}]"
        lines.append(f"    {column}: {kind_of}")
    return "\n".join(lines)


def _type(schema: dict[str, Any], time: str, schemas: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " | ".join(_type(each, time, schemas) for each in schema["anyOf"])
    if "$ref" in schema:
        there = schemas[_name(schema)]
        return _name(schema) if "properties" in there else _type(there, time, schemas)
    kinds = schema.get("type", "object")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "enum" in schema:
        values = ", ".join(json.dumps(value) for value in schema["enum"] if value is not None)
        found = [f"Literal[{values}]"]
    else:
        found = [_plain_type(kind, schema, time, schemas) for kind in kinds if kind != "null"]
    return " | ".join(found + (["None"] if "null" in kinds else []))


def _resolved(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """What a reference of the document stands for."""
    for name in part.get("$ref", "#").split("/")[1:]:
        document = document[name]
    return document if "$ref" in part else part


def _name(schema: dict[str, Any]) -> str:
    return schema["$ref"].rsplit("/", 1)[1]


def _plain_type(kind: str, schema: dict[str, Any], time: str, schemas: dict[str, Any]) -> str:
    if kind == "array":
        return f"{'list' if time == 'str' else 'Sequence'}[{_type(schema['items'], time, schemas)}]"
    if kind == "string":
        return time if schema.get("format") == "date-time" else "str"
    return {"integer": "int", "number": "float", "boolean": "bool", "object": "dict[str, Any]"}[kind]


def _operations(name: str, row: str, paths: dict[str, Any], path: str) -> str:
    head = (
        f'class {_class(name)}(Collection[Row, Rows, Found, Number, Nothing]):\n    """The operations on {path}."""\n'
    )
    body = CREATE.format(row=row)
    if "patch" in paths[f"{PREFIX}{path}/{{id}}"]:
        body += UPDATE.format(row=row)
    if f"{PREFIX}{path}/{{id}}/increment" in paths:
        body += INCREMENT.format(row=row)
    return head + body


def _connection(name: str, when: str, entities: Any, results: str) -> str:
    lines = [f"class {name}:", f'    """The operations of all entities, done {when}."""', ""]
    lines.append("    def __init__(self, sender: Sender) -> None:")
    for entity, path, row in entities:
        made = f"{_class(entity)}[{results.format(row=row)}]"
        lines.append(f"        self.{entity}: {made} = {_class(entity)}(sender, {json.dumps(path)})")
    return "\n".join(lines)


def _class(entity: str) -> str:
    return "".join(part.capitalize() for part in entity.split("_"))


if __name__ == "__main__":
    TARGET.write_text(main(json.loads(Path(sys.argv[1]).read_text())))
