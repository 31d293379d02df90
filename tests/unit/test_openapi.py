"""The OpenAPI document: valid, committed, and complete for who reads it or generates a client from it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from entities import ALL
from jsonschema import Draft202012Validator
from marshmallow import ValidationError

from app import create_app
from app.api.preconditions import ENTITY_TAGS
from app.config import PROJECT, Settings
from app.schemas.fields import Time

ORIGINAL = PROJECT / "openapi.json"
ANSWER = create_app(Settings()).test_client().get("/openapi.json")
DOCUMENT: dict[str, Any] = ANSWER.json
METHODS = ("get", "post", "patch", "delete")
OPERATIONS = {
    operation["operationId"]: operation
    | {"path": path, "method": method, "parameters": [*item.get("parameters", ()), *operation.get("parameters", ())]}
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a reference of the document stands for."""
    if "$ref" not in part:
        return part
    found = DOCUMENT
    for name in part["$ref"].split("/")[1:]:
        found = found[name]
    return found


def successes(operation: dict) -> list[dict]:
    return [resolved(answer) for status, answer in sorted(operation["responses"].items()) if status.startswith("2")]


def parts(value: Any) -> Iterator[Any]:
    """Every value of the document, and the names of its members."""
    yield value
    for inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield inner[0]
        yield from parts(inner[1])


def test_the_committed_copy_is_what_is_served():
    assert ORIGINAL.read_bytes() == ANSWER.data, "run `make openapi`"


def test_it_is_small():
    # 150,000 for eight entities, which is some 40,000 tokens.
    assert len(ANSWER.data) <= 18_750 * len(ALL)


def test_no_name_and_no_pattern_is_long():
    names = [part for part in parts(DOCUMENT["components"]) if isinstance(part, str) and " " not in part]
    patterns = [part["pattern"] for part in parts(DOCUMENT) if isinstance(part, dict) and "pattern" in part]
    assert [name for name in names + patterns if len(name) > 200] == []


def test_no_example_has_a_reference_that_a_reader_would_follow():
    for part in parts(DOCUMENT):
        if isinstance(part, dict):
            for example in (part.get("example"), part.get("examples")):
                assert "$ref" not in json.dumps(example)


def test_every_example_fits_its_schema():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            whole = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
            Draft202012Validator(whole).validate(example)


def test_it_has_every_operation_of_the_contract():
    others = {
        "run_batch", "export_user", "list_tasks_by_timerange", "get_task_statistics", "bulk_update_task_state",
        "update_conversation_voice", "check_health", "check_readiness",
    }  # fmt: skip
    assert set(OPERATIONS) == set().union(others, *(entity.operations for entity in ALL))


@every_operation
def test_an_operation_has_few_parameters(operation: dict):
    most = 8 if "{id}" in operation["path"] else 12
    if operation["method"] == "post":
        most = 6
    assert len(operation["parameters"]) <= most


@every_operation
def test_an_operation_reads_as_verb_and_noun_with_a_summary(operation: dict):
    assert re.fullmatch(
        r"(list|count|create|get|update|increment|delete|bulk_update|run|export|check)_[a-z_]+",
        operation["operationId"],
    )
    assert operation["summary"].endswith(".")


@every_operation
def test_what_an_operation_takes_and_answers_has_a_realistic_example(operation: dict):
    for place in (resolved(operation.get("requestBody", {})), *successes(operation)):
        for content in place.get("content", {}).values():
            schema = content["schema"]
            of_rows = schema.get("items", schema)
            if not of_rows.get("$ref", "Page").endswith(("Page", "Many")):
                assert resolved(of_rows)["examples"]


@every_operation
def test_a_failure_is_a_problem(operation: dict):
    failures = {status: resolved(answer) for status, answer in operation["responses"].items() if status > "4"}
    assert "default" in failures
    for answer in failures.values():
        if operation["path"].startswith("/api/v1"):
            assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


@every_operation
def test_a_row_is_answered_with_its_etag_and_a_new_one_with_its_location(operation: dict):
    name = operation["operationId"]
    answers_a_row = name.split("_")[0] in ("create", "get", "update", "increment")
    if answers_a_row and not name.endswith(("_statistics", "_in_bulk", "_by_filter")):
        assert all("ETag" in answer["headers"] for answer in successes(operation))
        assert ("Location" in successes(operation)[-1]["headers"]) is name.startswith("create")


@every_operation
def test_a_write_takes_an_idempotency_key_and_says_when_it_is_replayed(operation: dict):
    if operation["path"].startswith("/api/v1") and operation["method"] != "get":
        assert {"$ref": "#/components/parameters/Key"} in operation["parameters"]
        assert all("Idempotent-Replayed" in answer["headers"] for answer in successes(operation))


@every_operation
def test_a_patch_takes_a_merge_patch_too(operation: dict):
    if operation["method"] == "patch":
        assert set(resolved(operation["requestBody"])["content"]) == {
            "application/json",
            "application/merge-patch+json",
        }
        if "{id}" in operation["path"]:
            assert "ETag" in resolved(operation["responses"]["412"])["headers"]


def test_a_row_may_be_unchanged_and_a_list_a_stream():
    assert "304" in OPERATIONS["get_task"]["responses"]
    assert {"$ref": "#/components/parameters/If-None-Match"} in OPERATIONS["get_task"]["parameters"]
    assert "application/x-ndjson" in successes(OPERATIONS["list_tasks"])[0]["content"]


def test_a_body_that_would_change_nothing_is_not_allowed():
    bulk = OPERATIONS["create_tasks_in_bulk"]["requestBody"]["content"]["application/json"]["schema"]
    assert (bulk["minItems"], bulk["maxItems"]) == (1, 1000)
    assert DOCUMENT["components"]["schemas"]["TaskIncrement"]["minProperties"] == 1


def test_a_filter_has_each_column_with_what_fits_its_type():
    members = DOCUMENT["components"]["schemas"]["TaskFilter"]["properties"]
    assert {
        "status",
        "status__in",
        "title__ilike",
        "scheduled_at__lt",
        "goal_id__isnull",
        "class_tags__contains",
    } <= set(members)
    assert members["status"] == {"$ref": "#/components/schemas/TaskStatus"}


def test_a_write_by_filter_needs_one():
    writes = [operation for name, operation in OPERATIONS.items() if name.endswith("_by_filter")]
    filters = [resolved(each) for write in writes for each in write["parameters"] if resolved(each)["name"] == "filter"]
    assert [each["required"] for each in filters] == [True] * len(writes)


@pytest.mark.parametrize(
    "text",
    ["now", "now-30d", "now+2h", "now-999w", "now-9999w", "now+", "now-5", "nowhere", "2026-03-01T09:00:00Z", "2026"],
)
def test_a_time_is_described_as_it_is_read(text: str):
    described = {**DOCUMENT["components"]["schemas"]["Time"]}
    is_described = Draft202012Validator(described, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(text)
    try:
        Time().deserialize(text)
        assert is_described
    except ValidationError:
        assert not is_described


@pytest.mark.parametrize("text", ["*", '"7"', 'W/"7"', '"7", "8"', "7", '"7', '"7" "8"', "", '*, "7"'])
def test_entity_tags_are_described_as_they_are_read(text: str):
    pattern = DOCUMENT["components"]["parameters"]["If-Match"]["schema"]["pattern"]
    is_read = text == "*" or ENTITY_TAGS.fullmatch(text) is not None
    assert bool(re.search(pattern, text)) is is_read


def test_documented_defaults_are_the_ones_of_the_contract():
    properties = DOCUMENT["components"]["schemas"]["NewTask"]["properties"]
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    assert defaults == {"status": "pending", "trigger_type": "time", "escalation_policy": "standard"}
