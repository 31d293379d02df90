"""Ids of the caller's own making: a repeat of a creation meets the row that the first one made."""

from uuid import uuid4

import pytest
from entities import ALL, Entity
from flask.testing import FlaskClient

every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)


@every_entity
def test_a_row_has_the_id_that_its_caller_gave_it(client: FlaskClient, entity: Entity):
    own = str(uuid4())
    answer = client.post(entity.path, json=entity.body(client) | {"id": own.upper()})
    assert (answer.status_code, answer.json["id"]) == (201, own)
    assert answer.headers["Location"] == f"{entity.path}/{own}"
    assert client.get(f"{entity.path}/{own}").json == answer.json


@every_entity
def test_a_repeat_is_409_and_no_second_row(client: FlaskClient, entity: Entity):
    body = entity.body(client) | {"id": str(uuid4())}
    assert client.post(entity.path, json=body).status_code == 201
    answer = client.post(entity.path, json=body | entity.body(client) | {"id": body["id"]})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (409, "#/id")
    assert client.get(f"{entity.path}/count?id={body['id']}").json == {"count": 1}


@every_entity
def test_many_new_rows_may_have_ids_of_their_own(client: FlaskClient, entity: Entity):
    bodies = [
        entity.body(client) | {"id": str(uuid4())},
        entity.body(client),
        entity.body(client) | {"id": str(uuid4())},
    ]
    rows = client.post(f"{entity.path}/bulk", json=bodies).json["items"]
    assert [rows[0]["id"], rows[2]["id"]] == [bodies[0]["id"], bodies[2]["id"]]
    taken = client.post(f"{entity.path}/bulk", json=[entity.body(client), entity.body(client) | {"id": rows[0]["id"]}])
    assert (taken.status_code, taken.json["errors"][0]["pointer"]) == (409, "#/1/id")
    twice = client.post(f"{entity.path}/bulk", json=[entity.body(client) | {"id": str(uuid4())}] * 2)
    assert (twice.status_code, twice.json["errors"][0]["pointer"]) == (422, "#/1/id")


@every_entity
@pytest.mark.parametrize("id", [None, "", "42", 42, "0198f3c27a517c3e9d2b3f6a1e5b8c4d", []])
def test_what_is_no_uuid_is_422(client: FlaskClient, entity: Entity, id: object):
    answer = client.post(entity.path, json=entity.body(client) | {"id": id})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/id")


@pytest.mark.parametrize("entity", [each for each in ALL if each.patch], ids=lambda entity: entity.name)
def test_an_id_is_never_changed(client: FlaskClient, entity: Entity):
    place = client.post(entity.path, json=entity.body(client)).headers["Location"]
    assert client.patch(place, json={"id": str(uuid4())}).status_code == 422
