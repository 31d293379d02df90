"""The operations that all entities share, for each of them."""

import json
from uuid import UUID

import pytest
from entities import ALL, EDITABLE, LISTED, NOWHERE, REFERRING, USERS, Entity
from flask.testing import FlaskClient

from app.config import PROJECT

every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
every_editable_entity = pytest.mark.parametrize("entity", EDITABLE, ids=lambda entity: entity.name)
every_listed_entity = pytest.mark.parametrize("entity", LISTED, ids=lambda entity: entity.name)
every_referring_entity = pytest.mark.parametrize("entity", REFERRING, ids=lambda entity: entity.name)


@every_entity
def test_a_created_row_is_answered_whole_with_its_place_and_version(client: FlaskClient, entity: Entity):
    body = entity.body(client)
    answer = client.post(entity.path, json=body)
    assert answer.status_code == 201
    assert answer.content_type == "application/json"
    assert answer.headers["Location"] == f"{entity.path}/{answer.json['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert answer.json["version"] == 1
    assert UUID(answer.json["id"]).version == 7
    assert answer.json.items() >= body.items()


@every_entity
def test_a_row_is_read_back_as_it_was_created(client: FlaskClient, entity: Entity):
    created = client.post(entity.path, json=entity.body(client))
    found = client.get(created.headers["Location"])
    assert found.status_code == 200
    assert found.json == created.json
    assert found.headers["ETag"] == '"1"'


@every_entity
def test_times_are_answered_in_utc(client: FlaskClient, entity: Entity):
    created = client.post(entity.path, json=entity.body(client)).json
    assert created["created_at"].endswith("+00:00")
    assert created["updated_at"] == created["created_at"]


@every_entity
def test_a_deleted_row_is_gone(client: FlaskClient, entity: Entity):
    place = client.post(entity.path, json=entity.body(client)).headers["Location"]
    deletion = client.delete(place)
    assert (deletion.status_code, deletion.data) == (204, b"")
    assert client.get(place).status_code == 404
    assert client.delete(place).status_code == 404


@every_entity
def test_paths_answer_with_and_without_a_slash_at_the_end(client: FlaskClient, entity: Entity):
    assert client.post(f"{entity.path}/", json=entity.body(client)).status_code == 201
    assert client.post(entity.path, json=entity.body(client)).status_code == 201


@every_entity
def test_an_empty_body_object_names_every_required_field(client: FlaskClient, entity: Entity):
    required = {f"#/{name}" for name in entity.body(client) if name != "pattern_key"}
    answer = client.post(entity.path, json={})
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json["errors"]} == required


@every_entity
def test_an_unknown_field_is_refused_with_the_names_that_are_known(client: FlaskClient, entity: Entity):
    answer = client.post(entity.path, json=entity.body(client) | {"colour": "red"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/colour"
    assert answer.json["hint"].startswith("Allowed: ")


@every_entity
@pytest.mark.parametrize("name", ["created_at", "updated_at", "version"])
def test_what_the_service_sets_cannot_be_written(client: FlaskClient, entity: Entity, name: str):
    answer = client.post(entity.path, json=entity.body(client) | {name: 1})
    assert answer.status_code == 422
    assert answer.json["detail"] == f"{name} is set by the service and cannot be written."


@every_entity
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_row_that_does_not_exist_is_404(client: FlaskClient, entity: Entity, method: str):
    answer = client.open(f"{entity.path}/{NOWHERE}", method=method)
    assert answer.status_code == 404
    assert NOWHERE in answer.json["detail"]


@every_entity
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_malformed_id_in_the_path_is_422(client: FlaskClient, entity: Entity, method: str):
    answer = client.open(f"{entity.path}/42", method=method)
    assert answer.status_code == 422
    assert "must be a UUID" in answer.json["detail"]


@every_entity
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_query_parameter_is_refused(client: FlaskClient, entity: Entity, method: str):
    body = entity.body(client) if method == "POST" else None
    answer = client.open(f"{entity.path}?colour=red", method=method, json=body)
    assert answer.status_code == 422
    assert "?colour" in {error["pointer"] for error in answer.json["errors"]}


@every_entity
def test_an_id_in_capitals_is_the_same_id(client: FlaskClient, entity: Entity):
    created = client.post(entity.path, json=entity.body(client)).json
    assert client.get(f"{entity.path}/{created['id'].upper()}").json == created


@every_editable_entity
def test_a_patch_changes_only_what_it_names(client: FlaskClient, entity: Entity):
    created = client.post(entity.path, json=entity.body(client)).json
    changed = client.patch(f"{entity.path}/{created['id']}", json=entity.patch)
    assert changed.status_code == 200
    assert changed.headers["ETag"] == '"2"'
    assert changed.json == created | entity.patch | {"version": 2, "updated_at": changed.json["updated_at"]}


@every_editable_entity
def test_an_empty_patch_changes_nothing_not_even_the_version(client: FlaskClient, entity: Entity):
    created = client.post(entity.path, json=entity.body(client)).json
    answer = client.patch(f"{entity.path}/{created['id']}", json={})
    assert answer.status_code == 200
    assert answer.json == created


@every_editable_entity
@pytest.mark.parametrize("body", [{}, None], ids=["empty", "full"])
def test_a_patch_of_a_row_that_does_not_exist_is_404(client: FlaskClient, entity: Entity, body: dict | None):
    assert client.patch(f"{entity.path}/{NOWHERE}", json=entity.patch if body is None else body).status_code == 404


@every_editable_entity
def test_a_patch_refuses_unknown_fields(client: FlaskClient, entity: Entity):
    created = client.post(entity.path, json=entity.body(client)).json
    answer = client.patch(f"{entity.path}/{created['id']}", json={"colour": "red"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/colour"


@every_listed_entity
def test_a_list_is_a_page_with_the_newest_first(client: FlaskClient, entity: Entity):
    made = [client.post(entity.path, json=entity.body(client)).json["id"] for _ in range(3)]
    answer = client.get(entity.path)
    assert answer.status_code == 200
    assert [row["id"] for row in answer.json["items"] if row["id"] in made] == made[::-1]
    assert answer.json["total"] == len(answer.json["items"])
    assert answer.json.items() >= {"page": 1, "page_size": 100, "has_next": False, "has_prev": False}.items()


@every_listed_entity
def test_pages_follow_each_other_without_gap_or_overlap(client: FlaskClient, entity: Entity):
    for _ in range(3):
        client.post(entity.path, json=entity.body(client))
    whole = client.get(entity.path).json
    first = client.get(f"{entity.path}?limit=2").json
    second = client.get(f"{entity.path}?limit=2&skip=2").json
    assert first["items"] + second["items"] == whole["items"][:4]
    assert (first["page"], first["page_size"], first["has_prev"]) == (1, 2, False)
    assert first["has_next"] is (whole["total"] > 2)
    assert (second["page"], second["has_prev"]) == (2, True)


@every_listed_entity
def test_a_list_past_its_end_is_empty(client: FlaskClient, entity: Entity):
    client.post(entity.path, json=entity.body(client))
    answer = client.get(f"{entity.path}?skip=1000000").json
    assert answer["items"] == []
    assert (answer["total"] > 0, answer["has_next"], answer["has_prev"]) == (True, False, True)


@every_listed_entity
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=ten", "limit=1.5", "skip=-1", "skip=", "limit=1&limit=2"]
)
def test_a_page_outside_the_bounds_is_422(client: FlaskClient, entity: Entity, query: str):
    answer = client.get(f"{entity.path}?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == f"?{query.split('=')[0]}"


@every_referring_entity
def test_a_reference_to_a_row_that_does_not_exist_names_the_field(client: FlaskClient, entity: Entity):
    answer = client.post(entity.path, json=entity.body(client) | {entity.reference: NOWHERE})
    assert answer.status_code == 409
    assert answer.json["code"] == "urn:flux:problem:missing-reference"
    assert answer.json["errors"][0]["pointer"] == f"#/{entity.reference}"


@every_entity
def test_a_null_where_null_cannot_be_is_422(client: FlaskClient, entity: Entity):
    body = entity.body(client)
    name = entity.reference or "email"
    answer = client.post(entity.path, json=body | {name: None})
    assert answer.status_code == 422
    assert answer.json["detail"] == f"{name} cannot be null."


@every_entity
def test_a_row_is_in_the_export_of_its_person_and_is_deleted_with_them(client: FlaskClient, entity: Entity):
    row = client.post(entity.path, json=entity.body(client)).json
    [person] = client.get(USERS.path).json["items"]
    place = f"{USERS.path}/{person['id']}"
    exported = [json.loads(line) for line in client.get(f"{place}/export").text.splitlines()]
    assert row in [{name: value for name, value in line.items() if name != "type"} for line in exported]
    assert client.delete(place).status_code == 204
    assert client.get(f"{entity.path}/{row['id']}").status_code == 404


def test_the_readme_names_the_path_of_every_entity():
    readme = (PROJECT / "README.md").read_text()
    assert [entity.name for entity in ALL if f"`/{entity.name}`" not in readme] == []
