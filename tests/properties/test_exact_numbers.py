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


def send(client: FlaskClient, method: str, path: str, number: str) -> Any:
    body = f'{{"data": {{"n": {number}}}}}'
    return client.open(f"/api/v1/patterns{path}", method=method, data=body, content_type="application/json")


@with_fixtures
@given(NUMBERS, NUMBERS)
@example("1e300", "1e-300")
@example("1e308", "9e307")
def test_a_number_is_whole_wherever_it_goes(client: FlaskClient, number: str, amount: str):
    owner = user(client)["id"]
    place = f"/{client.post('/api/v1/patterns', json={'user_id': owner}).json['id']}"
    stored = send(client, "PATCH", place, number)
    if stored.status_code != 200:
        # Zeros at its end may be counted, or left out.
        assert (stored.status_code, is_storable(number)) == (422, False), (number, stored.text)
        return
    answered = decimals(stored.text)["data"]["n"]
    assert answered == Decimal(number)
    for operator, finds in (("", True), ("__gte", True), ("__lte", True), ("__in", True), ("__gt", False)):
        found = ids(client, "/patterns", {"user_id": owner, f"data.n{operator}": str(answered)})
        assert bool(found) is finds, (operator, answered)
    with localcontext(prec=2000):
        total = Decimal(number) + Decimal(amount)
    added = send(client, "POST", f"{place}/increment", amount)
    if added.status_code == 200:
        assert decimals(added.text)["data"]["n"] == total
        found = ids(client, "/patterns", {"user_id": owner, "data.n": str(decimals(added.text)["data"]["n"])})
        assert len(found) == 1, total
    else:
        assert added.status_code in (409, 422), added.text
        too_large = total.copy_abs() > Decimal("1e308")
        assert too_large or not is_storable(amount), (number, amount, added.text)
