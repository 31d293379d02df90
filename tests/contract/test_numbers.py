"""Numbers inside objects: stored, answered, compared, referred to and paged by to the digit."""

import json
from decimal import Decimal
from typing import Any

import pytest
from asking import ask, ids, pages
from entities import create, goal, user
from flask.testing import FlaskClient

from app.repositories import patterns

BATCH = "/api/v1/batch"
WHOLE = [
    "123456789012345678901",
    "-9223372036854775809",
    "18446744073709551616",
    "0.1234567890123456789",
    "3.14159265358979323846264338327950288",
    "1234567890123456789012345.678901234567890123456789",
    "9" * 307,
    "0." + "1" * 399,
    "9007199254740993",
    "1e308",
    "1E-390",
    "5e-324",
]
TOO_LONG = ["9" * 309, "9" * 401, "1e400", "1e-400", "1e999999", "-1e99999999999999999999", "0." + "1" * 400]


def pattern(client: FlaskClient, **body: Any) -> dict[str, Any]:
    return create(client, "patterns", **{"user_id": user(client)["id"]} | body)


def decimals(text: str) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def send(client: FlaskClient, method: str, path: str, body: str) -> Any:
    return client.open(f"/api/v1{path}", method=method, data=body, content_type="application/json")


@pytest.mark.parametrize("number", WHOLE)
def test_a_number_of_up_to_400_digits_is_stored_and_answered_whole(client: FlaskClient, number: str):
    owner, whole = user(client)["id"], {"id": Decimal(number)}
    body = f'{{"user_id": "{owner}", "data": {{"id": {number}}}}}'
    made = send(client, "POST", "/patterns", body)
    assert made.status_code == 201, made.json
    assert decimals(made.text)["data"] == whole
    path = f"/patterns/{made.json['id']}"
    for method, wide, text in (
        ("POST", "/patterns/bulk", f"[{body}]"),
        ("PATCH", path, f'{{"data": {{"id": {number}}}}}'),
        ("POST", f"{path}/increment", f'{{"data": {{"more": {number}}}}}'),
        ("POST", "/batch", f'{{"operations": [{{"method": "POST", "path": "/patterns", "body": {body}}}]}}'),
    ):
        answer = send(client, method, wide, text)
        assert answer.status_code in (200, 201), answer.json
        assert Decimal(number) in list(numbers(decimals(answer.text)))
    assert ids(client, "/patterns", {"data.id": number}) > {made.json["id"]}
    assert ids(client, "/patterns", {"data": f'{{"id": {number}}}'}) != set()


def numbers(value: Any) -> Any:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers(each)
    elif isinstance(value, Decimal):
        yield value


@pytest.mark.parametrize("number", TOO_LONG)
def test_a_longer_number_is_refused_and_named(client: FlaskClient, number: str):
    made = pattern(client, data={"a": 1})
    body = f'{{"data": {{"id": {number}}}}}'
    for method, path in (("PATCH", f"/patterns/{made['id']}"), ("POST", f"/patterns/{made['id']}/increment")):
        answer = send(client, method, path, body)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/data")
    assert client.get("/api/v1/patterns", query_string={"data": f'{{"id": {number}}}'}).status_code == 422
    assert client.get("/api/v1/patterns", query_string={"data.id__lte": number}).status_code == 200


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("sort", ["data", "-data"])
@pytest.mark.parametrize("shape", ["", "id", "user(email)"])
def test_pages_by_an_object_with_a_number_that_no_float_holds_have_each_row_once(
    client: FlaskClient, limit: int, sort: str, shape: str
):
    made = [pattern(client, data={"usd": 0.30000000000000004})["id"] for _ in range(3)]
    for each in made:
        client.post(f"/api/v1/patterns/{each}/increment", json={"data": {"usd": 0.1}})
    query = {"sort": sort, "limit": limit, "id__in": ",".join(made)} | ({"fields": f"id,{shape}"} if shape else {})
    seen = [row["id"] for page in pages(client, "/patterns", query) for row in page]
    assert seen == sorted(made, reverse=sort == "-data")


def test_a_number_that_was_answered_is_found_by_it(client: FlaskClient):
    made = pattern(client, data={"usd": 0.30000000000000004})["id"]
    client.post(f"/api/v1/patterns/{made}/increment", json={"data": {"usd": 0.1}})
    text = client.get(f"/api/v1/patterns/{made}").text
    answered = str(decimals(text)["data"]["usd"])
    assert answered == "0.40000000000000004"
    for operator in ("", "__lte", "__gte", "__in"):
        assert ids(client, "/patterns", {f"data.usd{operator}": answered}) == {made}
    for operator in ("__lt", "__gt", "__ne"):
        assert ids(client, "/patterns", {f"data.usd{operator}": answered}) == set()
    assert ids(client, "/patterns", {"data.usd__gt": "0.4000000000000000399999999999"}) == {made}


def test_a_reference_is_the_number_to_the_digit(client: FlaskClient):
    wide = "100000000000000000.30000000000000004"
    first = send(client, "POST", "/patterns", f'{{"user_id": "{user(client)["id"]}", "data": {{"usd": {wide}}}}}').json
    operations = [
        {"name": "read", "method": "GET", "path": f"/patterns?id={first['id']}"},
        {
            "method": "POST",
            "path": "/patterns",
            "body": {"user_id": first["user_id"], "data": {"$ref": "read.items.0.data"}},
        },
        {
            "method": "POST",
            "path": "/patterns/bulk",
            "body": {
                "$each": "read.items",
                "body": {"user_id": first["user_id"], "data": {"copy": {"$ref": "item.data.usd"}}},
            },
        },
        {"method": "GET", "path": "/patterns/count", "query": {"data.usd": {"$ref": "read.items.0.data.usd"}}},
    ]
    answer = client.post(BATCH, json={"operations": operations})
    assert answer.status_code == 200, answer.json
    whole, copied, many, counted = [each["body"] for each in decimals(answer.text)["operations"]]
    assert whole["items"][0]["data"] == copied["data"] == {"usd": Decimal(wide)}
    assert many["items"][0]["data"] == {"copy": Decimal(wide)}
    assert counted == {"count": 2}


def test_in_process_a_number_is_a_decimal_where_a_float_would_round_it(client: FlaskClient):
    made = pattern(client, data={"a": 1, "b": 0.5})
    row = patterns.update(made["id"], {"data": {"a": Decimal("123456789012345678901"), "b": 0.5}})
    assert row["data"] == {"a": Decimal("123456789012345678901"), "b": 0.5}
    assert patterns.update(made["id"], {"data": row["data"]})["data"] == row["data"]


@pytest.mark.parametrize("number", ["7.0000000000000000000", "70e-1", "7"])
def test_a_whole_number_may_be_written_in_any_way(client: FlaskClient, number: str):
    owner = user(client)["id"]
    body = f'{{"user_id": "{owner}", "title": "x", "pipeline_order": {number}, "status": "pipeline"}}'
    assert send(client, "POST", "/goals", body).json["pipeline_order"] == 7


@pytest.mark.parametrize(
    "number", ["7.0000000000000000001", "0.99999999999999999999", "123456789012345678901", "1e400"]
)
def test_a_column_of_whole_numbers_takes_no_rounded_one(client: FlaskClient, number: str):
    body = f'{{"pipeline_order": {number}}}'
    answer = send(client, "PATCH", f"/goals/{goal(client)['id']}", body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/pipeline_order")


def test_a_position_inside_an_object_of_any_depth_is_found_again_or_refused(client: FlaskClient):
    for depth in (100, 99):
        nested: Any = {}
        for _ in range(depth - 1):
            nested = {"a": nested}
        pattern(client, data=nested)
    assert [len(page) for page in pages(client, "/patterns", {"sort": "data", "limit": 1})] == [1, 1]
    assert ask(client, "/patterns", {"sort": "data", "limit": 1})["has_next"]


def test_numbers_that_are_short_to_send_are_counted_as_they_are_stored(client: FlaskClient):
    place = f"/patterns/{pattern(client)['id']}"
    within, beyond = (f'{{"data": {{"n": [{",".join(["1e308"] * times)}]}}}}' for times in (3_393, 3_394))
    refused = send(client, "PATCH", place, beyond)
    assert (refused.status_code, "1048576" in refused.json["detail"]) == (422, True)
    assert send(client, "PATCH", place, within).status_code == 200
    decimals = f'{{"data": {{"n": [{",".join(["5e-324"] * 4_000)}]}}}}'
    assert send(client, "PATCH", place, decimals).status_code == 422


def test_what_increments_make_is_found_and_can_be_written_back(client: FlaskClient):
    made = pattern(client, data={"n": 0})["id"]
    for number in ("1e307", "1e-399"):
        body = f'{{"data": {{"n": {number}}}}}'
        answer = send(client, "POST", f"/patterns/{made}/increment", body)
    total = decimals(answer.text)["data"]["n"]
    assert ids(client, "/patterns", {"data.n": str(total)}) == {made}
    assert send(client, "PATCH", f"/patterns/{made}", f'{{"data": {{"n": {total}}}}}').status_code == 200
