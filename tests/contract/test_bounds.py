"""Bounds: nothing that callers send again and again grows for ever, and each bound says what it is."""

from entities import user
from flask.testing import FlaskClient

MERGE = {"Content-Type": "application/merge-patch+json"}
PATTERNS = "/api/v1/patterns"


def part(number: int) -> dict[str, str]:
    return {f"key{number}": "x" * 300_000}


def test_an_object_grows_by_merges_to_a_mebibyte_and_no_further(client: FlaskClient):
    key = {"user_id": user(client)["id"], "pattern_type": "habit", "pattern_key": "runs"}
    row = client.post(PATTERNS, json=key | {"data": {}}).json
    place = f"{PATTERNS}/{row['id']}"
    for number in range(3):
        assert client.patch(place, json={"data": part(number)}, headers=MERGE).status_code == 200
    for refused in (
        client.patch(place, json={"data": part(3)}, headers=MERGE),
        client.patch(f"{PATTERNS}?id={row['id']}", json={"data": part(3)}, headers=MERGE),
        client.post(f"{PATTERNS}?upsert=merge", json=key | {"data": part(3)}),
        client.post(f"{place}/increment", json={"data": {f"{number:0600}": 1 for number in range(500)}}),
    ):
        assert (refused.status_code, "1048576" in refused.json["detail"]) == (422, True)
    assert client.patch(place, json={"data": {"key0": None}}, headers=MERGE).status_code == 200
    assert client.patch(place, json={"data": part(3)}, headers=MERGE).status_code == 200
