"""`consistency=eventual`: every GET of rows takes it and no other operation; without a replica it changes nothing."""

import pytest
from entities import ALL, EDITABLE, Entity, create
from flask.testing import FlaskClient

EVENTUAL = {"consistency": "eventual"}
NAME = "#/components/parameters/consistency"


def test_every_get_of_rows_documents_it_and_no_other_operation(client: FlaskClient):
    paths = client.get("/openapi.json").json["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            if method != "parameters":
                takes = {"$ref": NAME} in operation.get("parameters", [])
                assert takes == (method == "get" and path.startswith("/api/v1/")), f"{method} {path}"


@pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
def test_without_a_replica_a_read_sees_what_was_written(client: FlaskClient, entity: Entity):
    made = create(client, entity.name, **entity.body(client))
    assert client.get(f"{entity.path}/{made['id']}", query_string=EVENTUAL).json == made
    assert client.get(f"{entity.path}/count", query_string=EVENTUAL).json["count"] >= 1


@pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.name)
def test_a_write_refuses_it(client: FlaskClient, entity: Entity):
    made = create(client, entity.name, **entity.body(client))
    for method, path in (("PATCH", f"{entity.path}/{made['id']}"), ("POST", entity.path)):
        answer = client.open(path, method=method, json=entity.patch, query_string=EVENTUAL)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "?consistency")


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_what_reads_no_rows_refuses_it(client: FlaskClient, path: str):
    assert client.get(path, query_string=EVENTUAL).status_code == 422


def test_another_word_is_refused_with_the_one_there_is(client: FlaskClient):
    answer = client.get("/api/v1/users?consistency=strong")
    assert (answer.status_code, answer.json["detail"]) == (422, "consistency must be eventual, or be left out.")


def test_it_does_not_stand_in_for_what_statistics_need(client: FlaskClient):
    assert client.get("/api/v1/tasks/statistics", query_string=EVENTUAL).status_code == 422
