"""The examples of the OpenAPI document, sent as they stand there."""

from typing import Any

import pytest
from described import DOCUMENT
from entities import ALL
from flask.testing import FlaskClient

from app.schemas.base import EXAMPLE_ID

OPERATIONS = [
    (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
]
WITH_A_BODY = [each for each in OPERATIONS if "requestBody" in each[2]]


@pytest.fixture
def with_the_rows(client: FlaskClient) -> FlaskClient:
    """A client of a service where the rows are that the examples name."""
    for entity in ALL:
        answer = client.post(entity.path, json={**entity.body(client), "id": EXAMPLE_ID})
        assert answer.status_code == 201, answer.json
    return client


def resolved(part: Any) -> Any:
    found = DOCUMENT
    for name in part["$ref"].split("/")[1:] if "$ref" in part else ():
        found = found[name]
    return found if "$ref" in part else part


def example_of(content: dict[str, Any]) -> Any:
    schema = content["schema"]
    one = resolved(schema.get("items", schema))["examples"][0]
    return [one] if schema.get("type") == "array" else one


@pytest.mark.parametrize(
    ("method", "path", "operation"), WITH_A_BODY, ids=[each[2]["operationId"] for each in WITH_A_BODY]
)
def test_the_example_of_a_body_is_taken(with_the_rows: FlaskClient, method: str, path: str, operation: dict[str, Any]):
    by_filter = f"?id={EXAMPLE_ID}" if operation["operationId"].endswith("_by_filter") else ""
    for media_type, content in resolved(operation["requestBody"])["content"].items():
        answer = with_the_rows.open(
            path.replace("{id}", EXAMPLE_ID) + by_filter,
            method=method.upper(),
            json=example_of(content),
            content_type=media_type,
        )
        assert answer.status_code in (200, 201), answer.json


@pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
def test_the_example_of_a_filter_is_taken(client: FlaskClient, entity: Any):
    example = DOCUMENT["components"]["parameters"][f"{entity.name.replace('-', '_')}.find"]["example"]
    assert example
    assert client.get(f"{entity.path}/count", query_string=example).status_code == 200
