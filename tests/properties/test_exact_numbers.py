"""JSON's numbers in objects against Decimal: stored, answered, added and found to the digit, or 422."""

import json
import math
from decimal import Decimal, localcontext
from typing import Any

from asking import ids
from entities import user
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.exact_json import MAX_DECIMALS

with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON, MERGE = "application/json", "application/merge-patch+json"
DIGITS = st.text("0123456789", min_size=1, max_size=25)
RUNS = st.builds(lambda digit, times: digit * times, st.sampled_from("019"), st.integers(1, 420))
WHOLE = (DIGITS | RUNS).map(lambda digits: digits.lstrip("0") or "0")
FRACTIONS = st.just("") | st.builds(".{}".format, DIGITS | RUNS)
EXPONENTS = st.just("") | st.builds(
    "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 30) | st.integers(290, 500)
)
NUMBERS = st.builds("{}{}{}{}".format, st.sampled_from(["", "-"]), WHOLE, FRACTIONS, EXPONENTS)


def is_storable(text: str) -> bool:
    return math.isfinite(float(text)) and -Decimal(text).as_tuple().exponent <= MAX_DECIMALS


def decimals(text: str) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


# In what is sent: the number, the person and a row of theirs.
NUMBER, OWNER, ROW = "<number>", "<owner>", "<row>"
DATA = {"n": NUMBER}
SET = {"name": "a", "method": "PATCH", "path": f"/patterns/{ROW}", "body": {"data": DATA}}


def made_with(expression: Any) -> list[Any]:
    """The operations that set the number, and make another row of an expression."""
    made = {"method": "POST", "path": "/patterns", "body": {"user_id": OWNER, "data": {"n": expression}}}
    return [SET, made]


WAYS: dict[str, tuple[str, str, Any]] = {
    "create": ("POST", "/patterns", {"user_id": OWNER, "data": DATA}),
    "create many": ("POST", "/patterns/bulk", [{"user_id": OWNER}, {"user_id": OWNER, "data": DATA}]),
    "upsert a new one": ("POST", "/patterns?upsert=merge", {"user_id": OWNER, "pattern_key": "x", "data": DATA}),
    "upsert": ("POST", "/patterns?upsert=merge", {"id": ROW, "user_id": OWNER, "data": DATA}),
    "upsert many": ("POST", "/patterns/bulk?upsert=merge", [{"id": ROW, "user_id": OWNER, "data": DATA}]),
    "update": ("PATCH", f"/patterns/{ROW}", {"data": DATA}),
    "update by filter": ("PATCH", f"/patterns?id={ROW}&return=rows", {"data": DATA}),
    "add": ("POST", f"/patterns/{ROW}/increment", {"data": DATA}),
    "batch": ("POST", "/batch", {"operations": [SET]}),
    "literal": ("POST", "/batch", {"operations": made_with({"$literal": NUMBER})}),
    "reference": ("POST", "/batch", {"operations": made_with({"$ref": "a.data.n"})}),
    "sum": ("POST", "/batch", {"operations": made_with({"$add": [{"$ref": "a.data.n"}]})}),
}


def send(client: FlaskClient, method: str, path: str, body: str, content_type: str = JSON) -> Any:
    return client.open(f"/api/v1{path}", method=method, data=body, content_type=content_type)


def last_n(document: Any) -> Any:
    """The last member `n` of a document."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    found = [
        value if name == "n" else last_n(value)
        for name, value in inner
        if isinstance(value, dict | list) or name == "n"
    ]
    return next((each for each in reversed(found) if each is not None), None)


@with_fixtures
@given(st.sampled_from(sorted(WAYS)), NUMBERS)
@example("create", "123456789012345678901")
@example("reference", "123456789012345678901")
def test_a_number_is_stored_whole_by_each_way_to_send_it(client: FlaskClient, way: str, number: str):
    owner = user(client)["id"]
    place = client.post("/api/v1/patterns", json={"user_id": owner}).json["id"]
    method, path, body = WAYS[way]
    sent = json.dumps(body).replace(OWNER, owner).replace(ROW, place).replace(f'"{NUMBER}"', number)
    for content_type in (JSON, MERGE) if method == "PATCH" else (JSON,):
        answer = send(client, method, path.replace(ROW, place), sent, content_type)
        if answer.status_code >= 300:
            # Zeros at its end may be counted, or left out.
            assert (answer.status_code, is_storable(number)) == (422, False), (number, answer.text)
            continue
        assert last_n(decimals(answer.text)) == Decimal(number)
        stored = client.get(f"/api/v1/patterns?user_id={owner}&data.n__isnull=false&sort=-updated_at").text
        assert Decimal(number) in [row["data"]["n"] for row in decimals(stored)["items"]]


@with_fixtures
@given(NUMBERS, NUMBERS)
@example("1e300", "1e-300")
@example("1e308", "9e307")
def test_a_number_is_found_and_added_to_as_it_is(client: FlaskClient, number: str, amount: str):
    owner = user(client)["id"]
    place = f"/patterns/{client.post('/api/v1/patterns', json={'user_id': owner}).json['id']}"
    stored = send(client, "PATCH", place, f'{{"data": {{"n": {number}}}}}')
    if stored.status_code != 200:
        return
    answered = decimals(stored.text)["data"]["n"]
    assert answered == Decimal(number)
    for operator, finds in (("", True), ("__gte", True), ("__lte", True), ("__in", True), ("__gt", False)):
        assert bool(ids(client, "/patterns", {"user_id": owner, f"data.n{operator}": str(answered)})) is finds
        in_batch = f'{{"user_id": "{owner}", "data.n{operator}": {number}}}'
        operation = f'{{"operations": [{{"method": "GET", "path": "/patterns/count", "query": {in_batch}}}]}}'
        assert send(client, "POST", "/batch", operation).json["operations"][0]["body"] == {"count": int(finds)}
    with localcontext(prec=2000):
        total = Decimal(number) + Decimal(amount)
    added = send(client, "POST", f"{place}/increment", f'{{"data": {{"n": {amount}}}}}')
    # To compare them rounds none of the two.
    too_large = total.copy_abs() > Decimal("1e308")
    if added.status_code == 200:
        answered = decimals(added.text)["data"]["n"]
        assert answered == total
        assert not too_large
        assert len(ids(client, "/patterns", {"user_id": owner, "data.n": str(answered)})) == 1
    else:
        assert added.status_code in (409, 422), added.text
        assert too_large or not is_storable(amount), (number, amount, added.text)
