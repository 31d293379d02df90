"""The OpenAPI document after the libraries have written it: what they cannot say is added, what is alike is shared."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.api import parameters
from app.api.parser import MAX_BULK_ROWS
from app.query.vocabulary import SCHEMAS
from app.repositories.natural_keys import in_words
from app.schemas.operations import ProblemSchema

Document = dict[str, Any]

BOUNDS = {"minLength", "maxLength", "minimum", "maximum"}
LISTS = ("Page", "Many")
REPLAYED = "Idempotent-Replayed"
AMOUNTS, OBJECT = "Amounts", "ObjectOrNull"
AN_OBJECT = {"type": ["object", "null"], "additionalProperties": {}}


def finish(document: Document) -> None:
    """Complete the document, and make it small."""
    components = document["components"]
    # flask-smorest's and webargs' own, which no operation answers.
    del components["schemas"]["PaginationMetadata"]
    del components["responses"]["UNPROCESSABLE_ENTITY"]
    components["schemas"]["Problem"]["examples"] = [ProblemSchema.example]
    for row, expansions in parameters.expansions().items():
        _describe_row(row, expansions, components["schemas"])
    _share_lists(components["schemas"])
    for table in SCHEMAS:
        keys = " or ".join([*in_words(table), "id"])
        components["schemas"][f"New{parameters.row_name(table)}"]["description"] = f"An upsert goes by {keys}."
    components["schemas"][OBJECT] = AN_OBJECT
    _describe_increments(components["schemas"])
    for path in document["paths"].values():
        if "parameters" in path:
            # All rows have the same one.
            [components["parameters"]["id"]] = path["parameters"]
            path["parameters"] = [_ref("parameters", "id")]
    for operation in _operations(document):
        operation["responses"].pop("422", None)
        _limit_rows(operation)
        _move_examples(operation, components["schemas"])
        _note_replays(operation)
    operations = list(_operations(document))
    _share(
        components, "responses", [(each["responses"], status) for each in operations for status in each["responses"]]
    )
    _share(components, "requestBodies", [(each, "requestBody") for each in operations if "requestBody" in each])
    for path in document["paths"].values():
        _share_parameters(path)


def as_3_0(value: Any) -> Any:
    """The document, or a part of it, in the words of OpenAPI 3.0."""
    if isinstance(value, list):
        return [as_3_0(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {name: as_3_0(each) for name, each in value.items()}
    if isinstance(made.get("type"), list):
        made |= {"type": made["type"][0], "nullable": True}
    if isinstance(made.get("examples"), list):
        made["example"] = made.pop("examples")[0]
    return made


def _describe_row(row: str, expansions: Document, schemas: Document) -> None:
    # An answer of `fields` has some of the columns.
    del schemas[row]["required"]
    for name in {row, f"{row}Page", f"{row}Many", f"{row}Changes"} & schemas.keys():
        _open(schemas[name])
    schemas[row]["properties"] |= expansions
    for name in {row, f"New{row}", f"{row}Patch", f"{row}VoicePatch"} & schemas.keys():
        _name_choices(row, schemas[name]["properties"])
        _name_objects(schemas[name]["properties"])


def _open(answer: Document) -> None:
    """What PostgreSQL checks needs no bounds in an answer, and answers may get more members."""
    del answer["additionalProperties"]
    for member in answer["properties"].values():
        for bound in BOUNDS & member.keys():
            del member[bound]


def _share_lists(schemas: Document) -> None:
    """Pages differ in their items alone, and so do the answers to many new rows."""
    for name, shared in [(name, shared) for name in schemas for shared in LISTS if name.endswith(shared)]:
        answer = schemas[name]
        items = answer["properties"].pop("items")
        answer["required"].remove("items")
        assert schemas.setdefault(shared, answer) == answer
        own = {"type": "object", "properties": {"items": items}, "required": ["items"]}
        schemas[name] = {"allOf": [_ref("schemas", shared), own]}


def _describe_increments(schemas: Document) -> None:
    """An increment adds something; in objects to numbers, or to those of objects in them."""
    schemas[AMOUNTS] = {
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "number"}, _ref("schemas", AMOUNTS)]},
    }
    for name in [name for name in schemas if name.endswith("Increment")]:
        schemas[name]["minProperties"] = 1
        for column, schema in schemas[name]["properties"].items():
            if schema["type"] == "object":
                schemas[name]["properties"][column] = _ref("schemas", AMOUNTS)


def _name_objects(properties: Document) -> None:
    """Objects in rows are of one type, and not of one for each column and each schema."""
    for column, schema in properties.items():
        if schema == AN_OBJECT:
            properties[column] = _ref("schemas", OBJECT)


def _name_choices(row: str, properties: Document) -> None:
    """A column of a few texts is one type to whoever generates code, in rows, new rows, changes and filters."""
    for column, schema in properties.items():
        if "enum" in schema:
            default = {"default": schema["default"]} if "default" in schema else {}
            properties[column] = _ref("schemas", parameters.choice_name(row, column)) | default


def _operations(document: Document) -> Iterator[Document]:
    for path in document["paths"].values():
        yield from (operation for method, operation in path.items() if method != "parameters")


def _move_examples(operation: Document, schemas: Document) -> None:
    """An example stands at its schema, not at each operation; pages and lists are shown with those of their items."""
    for place in (operation.get("requestBody", {}), *operation["responses"].values()):
        for content in place.get("content", {}).values():
            schema = content["schema"]
            example = content.pop("example", None) if "$ref" in schema or schema.get("type") == "array" else None
            if "$ref" in schema and example and "items" not in example:
                shown = {name: value for name, value in example.items() if value is not None}
                schemas[_name(schema)].setdefault("examples", [shown])


def _limit_rows(operation: Document) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if content["schema"].get("type") == "array":
            content["schema"] |= {"minItems": 1, "maxItems": MAX_BULK_ROWS}


def _note_replays(operation: Document) -> None:
    if _ref("parameters", parameters.KEY) in operation["parameters"]:
        for status, answer in operation["responses"].items():
            if status.startswith("2") and "$ref" not in answer:
                answer.setdefault("headers", {})[REPLAYED] = _ref("headers", REPLAYED)


def _share(components: Document, kind: str, places: Iterable[tuple[Document, str]]) -> None:
    """Describe what stands in several places alike, an answer or a body of one schema, once as a component."""
    alike: dict[str, list[tuple[Document, str]]] = {}
    for holder, key in places:
        contents = list(holder[key].get("content", {}).values())
        if contents and "$ref" in contents[0]["schema"]:
            alike.setdefault(json.dumps(holder[key]), []).append((holder, key))
    for text, found in alike.items():
        if len(found) > 1:
            described = json.loads(text)
            [content, *_] = described["content"].values()
            name = _name(content["schema"]) + found[0][1].removeprefix("requestBody")
            components.setdefault(kind, {})[name] = described
            for holder, key in found:
                holder[key] = _ref(kind, name)


def _share_parameters(path: Document) -> None:
    """What all operations of a path take stands at the path."""
    operations = [operation for method, operation in path.items() if method != "parameters"]
    common = [each for each in operations[0]["parameters"] if all(each in other["parameters"] for other in operations)]
    if len(operations) > 1 and common:
        path["parameters"] = [*path.get("parameters", ()), *common]
        for operation in operations:
            operation["parameters"] = [each for each in operation["parameters"] if each not in common]


def _name(schema: Document) -> str:
    name: str = schema["$ref"].rpartition("/")[2]
    return name


def _ref(kind: str, name: str) -> Document:
    return {"$ref": f"#/components/{kind}/{name}"}
