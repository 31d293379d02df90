"""The OpenAPI document: valid, committed, and complete for who reads it or generates a client from it."""

import json
import re
from typing import Any

import orjson
import pytest
from entities import ALL

from app import create_app
from app.config import PROJECT, Settings
from app.query.vocabulary import VOCABULARIES

ORIGINAL = PROJECT / "openapi.json"
DOCUMENT: dict[str, Any] = create_app(Settings()).test_client().get("/openapi.json").json
OPERATIONS = {
    operation["operationId"]: operation | {"path": path, "method": method}
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def successes(operation: dict) -> list[dict]:
    return [answer for status, answer in sorted(operation["responses"].items()) if status.startswith("2")]


def test_the_committed_copy_is_current():
    assert json.loads(ORIGINAL.read_text()) == DOCUMENT, "run `make openapi`"


def test_it_has_every_operation_of_the_contract():
    others = {
        "run_batch", "export_user", "list_tasks_by_timerange", "get_task_statistics", "bulk_update_task_state",
        "update_conversation_voice", "check_health", "check_readiness",
    }  # fmt: skip
    assert set(OPERATIONS) == set().union(others, *(entity.operations for entity in ALL))


@every_operation
def test_an_operation_has_few_parameters_of_which_one_is_all_filters(operation: dict):
    assert len(operation.get("parameters", ())) <= (12 if operation["method"] in ("get", "patch") else 8)


@pytest.mark.parametrize("table", VOCABULARIES)
def test_a_filter_lists_every_comparison_of_every_column(table: str):
    parameter = DOCUMENT["components"]["parameters"][f"{table}.filter"]
    assert (parameter["style"], parameter["explode"]) == ("form", True)
    filter_schema = DOCUMENT["components"]["schemas"][parameter["schema"]["$ref"].rpartition("/")[2]]
    listed, patterns = filter_schema["properties"], filter_schema["patternProperties"]
    for name in VOCABULARIES[table].own:
        assert name in listed or any(re.search(pattern, name) for pattern in patterns)


def test_the_document_can_be_read_at_once():
    assert len(orjson.dumps(DOCUMENT)) < 260_000


@every_operation
def test_an_operation_reads_as_verb_and_noun_with_a_summary(operation: dict):
    assert re.fullmatch(
        r"(list|count|create|get|update|increment|delete|bulk_update|run|export|check)_[a-z_]+",
        operation["operationId"],
    )
    assert operation["summary"].endswith(".")


@every_operation
def test_an_operation_has_a_realistic_example_of_what_it_takes_and_answers(operation: dict):
    if "requestBody" in operation:
        assert operation["requestBody"]["content"]["application/json"]["example"]
    for answer in successes(operation):
        assert answer["description"] == "No Content" or all(each["example"] for each in answer["content"].values())


@every_operation
def test_an_operation_documents_its_failures_as_problems(operation: dict):
    failures = {status for status in operation["responses"] if status >= "4"}
    expected = {"422", "500"}
    if operation["path"].startswith("/api/v1"):
        expected |= {"401", "503"}
    if "requestBody" in operation:
        expected |= {"400", "413", "415"}
    if "{id}" in operation["path"]:
        expected |= {"404"}
    assert failures >= expected
    for status in expected:
        response = DOCUMENT["components"]["responses"][f"Problem{status}"]
        schema = response["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}


@every_operation
def test_a_row_is_answered_with_its_etag_and_a_new_one_with_its_location(operation: dict):
    name = operation["operationId"]
    answers_a_row = name.split("_")[0] in ("create", "get", "update", "increment")
    if answers_a_row and not name.endswith(("_statistics", "_in_bulk", "_by_filter")):
        assert all("ETag" in answer["headers"] for answer in successes(operation))
        assert ("Location" in successes(operation)[-1]["headers"]) is name.startswith("create")


def test_documented_defaults_are_the_ones_of_the_contract():
    properties = DOCUMENT["components"]["schemas"]["NewTask"]["properties"]
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    assert defaults == {"status": "pending", "trigger_type": "time", "escalation_policy": "standard"}
