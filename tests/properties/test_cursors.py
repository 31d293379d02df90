"""Walks page by page against a plain model: every row once, in the order in which Python sorts the same values."""

from decimal import Decimal
from functools import cmp_to_key
from typing import Any

import orjson
import pytest
from asking import ask, pages
from entities import user
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app import exact_json

with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
# In this order under every collation.
TEXTS = st.sampled_from(["", "1", "a", "aa", "b", "b" * 60])
NUMBERS = st.sampled_from(["0", "-1", "0.1", "0.30000000000000004", "0.3", "123456789012345678901", "1e300", "1e-300"])
OBJECTS = st.dictionaries(st.sampled_from("ab"), NUMBERS.map(Decimal), max_size=2)
COLUMNS = {
    "patterns": {
        "description": TEXTS,
        "confidence": st.sampled_from([0, 0.1, 0.30000000000000004, 1 / 3, 5e-324, 1]),
        "data": OBJECTS,
        "pattern_type": TEXTS,
    },
    "tasks": {
        "duration_minutes": st.integers(1, 3) | st.just(2**31 - 1),
        "scheduled_at": st.sampled_from(
            [f"{year}-03-01T09:00:00.00000{last}Z" for year in ("0001", "9999") for last in "01"]
        ),
        "class_tags": st.lists(st.sampled_from(["a", "b", "a,b"]), max_size=2),
        "location_trigger": TEXTS,
    },
}
KEY = st.tuples(st.booleans(), st.sampled_from(["", ":nullsfirst", ":nullslast"]))


@st.composite
def walks(draw: st.DrawFn, path: str) -> tuple[list[dict[str, Any]], list[str], int]:
    columns = COLUMNS[path]
    rows = st.fixed_dictionaries({name: st.none() | values for name, values in columns.items()})
    names = draw(st.lists(st.sampled_from(sorted(columns)), min_size=1, max_size=3, unique=True))
    keys = [f"{'-' if descending else ''}{name}{nulls}" for name in names for descending, nulls in [draw(KEY)]]
    return draw(st.lists(rows, max_size=8)), keys, draw(st.integers(1, 4))


def place(value: Any) -> Any:
    """Where a value stands among others; an object behind one with fewer members (PostgreSQL, section 8.14.4)."""
    return (len(value), sorted(value.items())) if isinstance(value, dict) else value


def in_order(rows: list[dict[str, Any]], keys: list[str]) -> list[int]:
    """The positions of rows, stored one after the other, as these keys sort them."""

    def compare(one: int, other: int) -> int:
        for key in keys:
            name, _, nulls = key.removeprefix("-").partition(":")
            sign = -1 if key.startswith("-") else 1
            a, b = rows[one][name], rows[other][name]
            if a is None or b is None:
                order = ((a is None) - (b is None)) * (-1 if nulls == "nullsfirst" else 1)
            else:
                order = sign * ((place(a) > place(b)) - (place(a) < place(b)))
            if order:
                return order
        return sign * (one - other)

    return sorted(range(len(rows)), key=cmp_to_key(compare))


@pytest.mark.parametrize("path", COLUMNS)
@with_fixtures
@given(data=st.data())
def test_a_walk_has_every_row_once_in_order(client: FlaskClient, path: str, data: st.DataObject):
    rows, keys, limit = data.draw(walks(path))
    check_walk(client, path, rows, keys, limit)


@with_fixtures
@given(st.lists(NUMBERS, min_size=1, max_size=5))
@example(["0.1", "0.3", "0.3"])
def test_so_has_one_over_numbers_that_were_added_to(client: FlaskClient, numbers: list[str]):
    owner = user(client)["id"]
    for number in numbers:
        body = exact_json.dumps({"user_id": owner, "data": {"n": Decimal(number)}})
        row = client.post("/api/v1/patterns", data=body, content_type="application/json").json
        assert client.post(f"/api/v1/patterns/{row['id']}/increment", json={"data": {"n": 0.1}}).status_code == 200
    for shape in ({}, {"fields": "id"}):
        query = {"user_id": owner, "sort": "data", "limit": 1} | shape
        seen = [row["id"] for page in pages(client, "/patterns", query) for row in page]
        assert len(seen) == len(set(seen)) == len(numbers)


WHOLE = st.integers(-(10**300), 10**300).map(str)
ANY_NUMBERS = WHOLE | st.builds("{}.{:030d}".format, WHOLE, st.integers(0, 10**30 - 1))
ANY_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
ANY_DATA = st.dictionaries(
    ANY_TEXTS, ANY_NUMBERS.map(Decimal) | ANY_TEXTS | st.none() | st.lists(st.booleans()), max_size=2
)
ANY_ROWS = st.fixed_dictionaries(
    {name: st.none() | ANY_TEXTS for name in ("description", "pattern_type")} | {"data": st.none() | ANY_DATA}
)


@with_fixtures
@given(
    st.lists(ANY_ROWS, max_size=6), st.permutations(["description", "pattern_type", "data"]), st.lists(KEY, min_size=3)
)
def test_a_walk_over_whatever_can_be_stored_is_the_list_in_pieces(
    client: FlaskClient, rows: list[dict[str, Any]], names: list[str], keys: list[tuple[bool, str]]
):
    owner = user(client)["id"]
    for row in rows:
        body = exact_json.dumps({"user_id": owner} | row)
        assert client.post("/api/v1/patterns", data=body, content_type="application/json").status_code == 201
    sort = ",".join(f"{'-' if down else ''}{name}{nulls}" for name, (down, nulls) in zip(names, keys, strict=False))
    # What a position is made of may be among what is shown, or not.
    for fields in ("id", "id,description,data", "id,pattern_type,data,created_at"):
        query = {"user_id": owner, "sort": sort, "fields": fields}
        listed = ask(client, "/patterns", query)["items"]
        for limit in (1, 2):
            walked = [row for page in pages(client, "/patterns", query | {"limit": limit}) for row in page]
            assert walked == listed


def check_walk(client: FlaskClient, path: str, rows: list[dict[str, Any]], keys: list[str], limit: int) -> None:
    owner = user(client)["id"]
    title = {"title": "x"} if path == "tasks" else {}
    made = []
    if rows:
        body = exact_json.dumps([{"user_id": owner, **title, **row} for row in rows])
        answer = client.post(f"/api/v1/{path}/bulk", data=body, content_type="application/json")
        assert answer.status_code == 201, answer.text
        made = [row["id"] for row in orjson.loads(answer.data)["items"]]
    for shape in ({}, {"fields": "id"}):
        query = {"user_id": owner, "sort": ",".join(keys), "limit": limit} | shape
        walked = list(pages(client, f"/{path}", query))
        assert [row["id"] for page in walked for row in page] == [made[number] for number in in_order(rows, keys)]
        assert len(walked) == max(1, -(-len(rows) // limit))
