"""What only patterns have: one of each kind for each person, and the freshest first."""

import pytest
from entities import user
from flask.testing import FlaskClient

PATH = "/api/v1/patterns"


@pytest.mark.parametrize("kind", ["time_of_day", None])
def test_a_person_has_each_kind_of_pattern_once(client: FlaskClient, kind: str | None):
    body = {"user_id": user(client)["id"], "pattern_type": kind, "pattern_key": "mornings"}
    assert client.post(PATH, json=body).status_code == 201
    answer = client.post(PATH, json=body)
    assert answer.status_code == 409
    assert answer.json["errors"][-1]["pointer"] == "#/pattern_key"
    assert client.post(PATH, json=body | {"pattern_type": "other"}).status_code == 201
    assert client.post(PATH, json=body | {"user_id": user(client)["id"]}).status_code == 201


def test_patterns_without_a_key_do_not_collide(client: FlaskClient):
    body = {"user_id": user(client)["id"], "pattern_type": "time_of_day"}
    assert client.post(PATH, json=body).status_code == client.post(PATH, json=body).status_code == 201


@pytest.mark.parametrize("value", [0, 1, 0.5, None])
def test_a_confidence_is_kept(client: FlaskClient, value: float | None):
    answer = client.post(PATH, json={"user_id": user(client)["id"], "confidence": value})
    assert answer.json["confidence"] == value


@pytest.mark.parametrize("value", [-0.01, 1.01, "0.5", True, 1e300])
def test_a_confidence_is_a_number_from_0_to_1(client: FlaskClient, value: object):
    answer = client.post(PATH, json={"user_id": user(client)["id"], "confidence": value})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/confidence"


def test_patterns_are_listed_by_when_they_were_last_seen(committing_client: FlaskClient):
    owner = user(committing_client)["id"]
    first, second = (committing_client.post(PATH, json={"user_id": owner}).json for _ in range(2))
    committing_client.patch(f"{PATH}/{first['id']}", json={"confidence": 0.9})
    assert [row["id"] for row in committing_client.get(PATH).json["items"]] == [first["id"], second["id"]]
