"""Expressions in a batch against a plain model: what is stored is what Python makes of them, or all of it is 422."""

import json
from collections.abc import Iterator
from decimal import Decimal, localcontext
from typing import Any
from uuid import uuid4

from entities import user
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

BATCH = "/api/v1/batch"
# Each example writes over what the one before has left.
with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(width=32, allow_nan=False, allow_infinity=False).map(
    lambda number: number + 0.0
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
KEYS = st.sampled_from(["a", "b", "0", "", "items", "$ref", "item", "ü", "x y"])
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
WRITTEN_KEYS = st.sampled_from(["a", "0", "body", "$ref", "$literal", "$each", "$concat", "$add"])
ODD_STEPS = st.sampled_from(["a", "0", "1", "00", "-1", "9", "9" * 5000, "", "٣", "items", "$ref"])


def paths(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every path that leads into a value, with what is there."""
    yield path, value
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from paths(inner, f"{path}.{step}")


def references(data: Any, *types: type) -> st.SearchStrategy[str]:
    """Paths to values of these types, or any; now and then one that leads elsewhere, or nowhere."""
    everywhere = [path for path, value in paths(data, "u.profile")]
    fitting = [path for path, value in paths(data, "u.profile") if type(value) in types] or everywhere
    odd = st.builds("{}.{}".format, st.sampled_from(everywhere), ODD_STEPS)
    return st.integers(0, 15).flatmap(
        lambda choice: odd if choice == 0 else st.sampled_from(everywhere if choice == 1 else fitting)
    )


def expressions(data: Any) -> st.SearchStrategy[Any]:
    """Values with expressions in them, well formed for the most part."""

    def ref(*types: type) -> st.SearchStrategy[Any]:
        return st.builds(lambda to: {"$ref": to}, references(data, *types))

    def more(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        in_item = st.sampled_from([{"$ref": "item"}, {"v": {"$ref": "item"}}, {"$each": "item", "body": 1}])
        texts = TEXTS | NUMBERS | ref(str, int, float)
        each = references(data, list, type(None)) | references(data, list)
        return st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(WRITTEN_KEYS, inner, max_size=2),
            st.builds(lambda to, body: {"$each": to, "body": body}, each, in_item | inner),
            st.builds(lambda parts: {"$concat": parts}, st.lists(texts, max_size=3) | st.lists(inner, max_size=2)),
            st.builds(lambda parts: {"$add": parts}, st.lists(NUMBERS | ref(int, float), max_size=3)),
            st.builds(lambda held: {"$literal": held}, inner),
        )

    return more(
        ref(int, float, str, list) | ref(type(None), bool, dict) | st.recursive(SCALARS | ref(), more, max_leaves=3)
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, Any]:
    """What an earlier operation answers, and an expression over it."""
    rows = st.lists(st.dictionaries(KEYS, SCALARS, max_size=2) | DATA, max_size=3)
    known = {"a": rows, "b": NUMBERS | TEXTS, "0": NUMBERS, "items": st.none() | st.lists(SCALARS, max_size=3)}
    data = draw(st.fixed_dictionaries(known, optional={"": DATA, "ü": DATA, "item": st.none()}))
    return data, draw(expressions(data))


class Unresolved(Exception):
    """What the service answers with 422."""


def found(reference: Any, scope: dict[str, Any]) -> Any:
    if not isinstance(reference, str):
        raise Unresolved
    name, *steps = reference.split(".")
    if name not in scope:
        raise Unresolved
    value = scope[name]
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step in [str(position) for position in range(len(value))]:
            value = value[int(step)]
        else:
            raise Unresolved
    return value


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def written(value: Any) -> str:
    """A text or a number as a text."""
    return value if isinstance(value, str) else f"{Decimal(str(value)):f}"


def evaluated(value: Any, scope: dict[str, Any]) -> Any:
    """What a value with expressions in it stands for. Raises Unresolved."""
    if isinstance(value, list):
        return [evaluated(each, scope) for each in value]
    if not isinstance(value, dict):
        return value
    names = set(value)
    if names == {"$literal"}:
        return value["$literal"]
    if names == {"$ref"}:
        return found(value["$ref"], scope)
    if names == {"$each", "body"}:
        elements = found(value["$each"], scope)
        if not isinstance(elements, list | None):
            raise Unresolved
        return [evaluated(value["body"], scope | {"item": each}) for each in elements or []]
    if names in ({"$concat"}, {"$add"}):
        [(name, parts)] = value.items()
        operands = [evaluated(each, scope) for each in parts] if isinstance(parts, list) else [None]
        if not all(is_number(each) or (name == "$concat" and isinstance(each, str)) for each in operands):
            raise Unresolved
        if name == "$concat":
            return "".join(map(written, operands))
        with localcontext(prec=1000):
            return sum((Decimal(str(each)) for each in operands), Decimal(0))
    return {name: evaluated(each, scope) for name, each in value.items()}


def plain(value: Any) -> Any:
    """A value in which a number equals the same number of another type, and nothing else."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return ("number", Decimal(str(value))) if is_number(value) else value


@with_fixtures
@given(cases())
@example(({"a": [None]}, {"$each": "u.profile.a", "body": {"$ref": "item"}}))
@example(({}, {"$add": []}))
@example(({"a": None}, {"$each": "u.profile.a", "body": 1}))
@example(({"a": [1]}, {"$ref": "u.profile.a.00"}))
def test_what_expressions_stand_for_is_what_the_model_says(client: FlaskClient, case: tuple[Any, Any]):
    data, expression = case
    path = f"/users/{the_user(client)}"
    assert client.patch(f"/api/v1{path}", json={"profile": data}).status_code == 200
    scope = {"u": {"profile": data}}
    operations = [
        {"name": "u", "method": "GET", "path": f"{path}?fields=profile"},
        {"method": "PATCH", "path": f"{path}?fields=profile", "body": {"profile": {"v": expression}}},
    ]
    answer = client.post(BATCH, json={"operations": operations})
    try:
        expected = {"v": evaluated(expression, scope)}
    except Unresolved:
        assert answer.status_code == 422, (answer.text, case)
        assert answer.json["errors"][0]["pointer"].startswith("#/operations/1/body/profile")
        return
    assert answer.status_code == 200, (answer.text, case)
    [_, changed] = json.loads(answer.text, parse_float=Decimal)["operations"]
    assert plain(changed["body"]["profile"]) == plain(expected)


@with_fixtures
@given(cases(), st.data())
def test_conditions_and_each_agree_with_the_model_about_what_is_there(
    client: FlaskClient, case: tuple[Any, Any], more: st.DataObject
):
    data, _ = case
    path = f"/users/{the_user(client)}"
    assert client.patch(f"/api/v1{path}", json={"profile": data}).status_code == 200
    reference = more.draw(references(data, type(None)) | references(data))
    try:
        there = found(reference, {"u": {"profile": data}}) is not None
    except Unresolved:
        there = False
    operations = [
        {"name": "u", "method": "GET", "path": f"{path}?fields=profile"},
        {"method": "GET", "path": path, "skip_if_missing": reference},
        {"method": "GET", "path": path, "skip_if_present": reference},
    ]
    _, missing, present = client.post(BATCH, json={"operations": operations}).json["operations"]
    assert ("skipped" in missing, "skipped" in present) == (not there, there)


TAGS = st.lists(TEXTS.filter(bool), max_size=3, unique=True)
TITLES = st.sampled_from(["a", "b,c", '"', "a", "(", "\\", "%", "ü", " ", ":", "x;y", "now"])


@with_fixtures
@given(st.lists(st.tuples(TITLES, st.none() | TAGS), max_size=4), st.lists(TITLES | TEXTS, max_size=3), TAGS)
def test_lists_in_a_query_mean_what_they_say(
    client: FlaskClient, rows: list[tuple[str, list[str] | None]], titles: list[str], tags: list[str]
):
    owner = the_user(client)
    bodies = [{"user_id": owner, "title": title, "class_tags": own} for title, own in rows]
    expected = {
        "title__in": sum(title in titles for title, _ in rows),
        "title__nin": sum(title not in titles for title, _ in rows),
        "class_tags__contains": sum(set(tags) <= set(own or []) for _, own in rows),
        "class_tags__ncontains": sum(not set(tags) & set(own or []) for _, own in rows),
    }
    lists = {name: titles if name.startswith("title") else tags for name in expected}
    operations = [
        {"method": "DELETE", "path": f"/tasks?user_id={owner}"},
        {"method": "POST", "path": "/tasks/bulk", "body": bodies},
        {"name": "u", "method": "PATCH", "path": f"/users/{owner}", "body": {"profile": lists}},
    ]
    for name, values in lists.items():
        for value in (values, {"$ref": f"u.profile.{name}"}, {"$each": f"u.profile.{name}", "body": {"$ref": "item"}}):
            if values or name.startswith("title"):
                query = {"user_id": owner, name: value}
                operations.append(
                    {"name": f"{len(operations)} {name}", "method": "GET", "path": "/tasks/count", "query": query}
                )
    answer = client.post(BATCH, json={"operations": operations})
    assert answer.status_code == 200, answer.text
    for counted in answer.json["operations"][3:]:
        assert counted["body"] == {"count": expected[counted["name"].split()[1]]}, (counted, rows, titles, tags)


def the_user(client: FlaskClient) -> str:
    """The one person that all examples of a test share."""
    people = client.get("/api/v1/users?limit=1").json["items"]
    return people[0]["id"] if people else user(client)["id"]


NUMBERS_OF_GOALS = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("goal"), NUMBERS_OF_GOALS, st.none() | NUMBERS_OF_GOALS),
        st.tuples(st.just("delete"), st.lists(NUMBERS_OF_GOALS, min_size=1, max_size=2, unique=True), st.booleans()),
        st.tuples(st.just("task"), st.booleans(), st.tuples(
            st.none() | NUMBERS_OF_GOALS, st.none() | st.lists(NUMBERS_OF_GOALS, max_size=3)
        )),
    ),
    max_size=12,
)  # fmt: skip


@with_fixtures
@given(STEPS)
@example([("task", False, (0, [1, 0])), ("delete", [0], False)])
@example([("task", False, (None, [0, 1])), ("delete", [0, 1], True)])
def test_rows_refer_to_rows_that_are_there(client: FlaskClient, steps: list[Any]):
    owner, ids = user(client)["id"], [str(uuid4()) for _ in range(4)]
    parents: dict[str, str | None] = dict.fromkeys(ids[:3])
    client.post("/api/v1/goals/bulk", json=[{"id": each, "user_id": owner, "title": "x"} for each in parents])
    tasks: dict[str, tuple[str | None, list[str] | None]] = {}

    def named(number: int | None) -> str | None:
        return None if number is None else ids[number]

    for kind, what, how in steps:
        if kind == "goal":
            row, parent = ids[what], named(how)
            body = {"id": row, "user_id": owner, "title": "x", "parent_goal_id": parent}
            status = client.post("/api/v1/goals", json=body).status_code
            is_possible = row not in parents and (parent is None or parent in parents)
            assert status == (422 if row == parent else 201 if is_possible else 409)
            if is_possible:
                parents[row] = parent
        elif kind == "delete":
            gone = [ids[number] for number in what]
            if how:
                path = f"/api/v1/goals?id__in={','.join(gone)}"
                assert client.delete(path).json == {"deleted_count": sum(each in parents for each in gone)}
            else:
                gone = gone[:1]
                assert client.delete(f"/api/v1/goals/{gone[0]}").status_code == (204 if gone[0] in parents else 404)
            parents = {row: None if up in gone else up for row, up in parents.items() if row not in gone}
            tasks = {
                row: (None if of in gone else of, shared and [each for each in shared if each not in gone])
                for row, (of, shared) in tasks.items()
            }
        else:
            of, shared = named(how[0]), None if how[1] is None else [ids[number] for number in how[1]]
            body = {"user_id": owner, "title": "x", "goal_id": of, "shared_with_goal_ids": shared}
            if what and tasks:
                row = min(tasks)
                answer = client.patch(f"/api/v1/tasks/{row}", json=body)
            else:
                row = str(uuid4())
                answer = client.post("/api/v1/tasks/bulk", json=[{"id": row, **body}])
            is_possible = {of, *(shared or [])} - {None} <= parents.keys()
            assert (answer.status_code < 300) is is_possible, answer.text
            assert is_possible or answer.json["code"] == "urn:flux:problem:missing-reference"
            if is_possible:
                tasks[row] = (of, shared)
        stored = client.get(f"/api/v1/goals?user_id={owner}&fields=id,parent_goal_id").json["items"]
        assert {row["id"]: row["parent_goal_id"] for row in stored} == parents
        stored = client.get(f"/api/v1/tasks?user_id={owner}&fields=id,goal_id,shared_with_goal_ids").json["items"]
        assert {row["id"]: (row["goal_id"], row["shared_with_goal_ids"]) for row in stored} == tasks
