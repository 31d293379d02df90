"""The query language: each of its forms once, on every entity where that makes sense."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asking import ask, ids, list_of, pages, rows, streamed, titles
from entities import ALL, LISTED, NOWHERE, REFERRING, Entity, conversation, create, goal, message, task, user
from flask.testing import FlaskClient

from app.query.relations import REFERENCES, REVERSE
from app.query.values import kind_of
from app.query.vocabulary import VOCABULARIES

TEXTS_OF_KIND = {
    "uuid": NOWHERE, "text": "x", "integer": "3", "number": "0.5", "time": "2026-03-01T09:00:00Z", "flag": "true",
    "object": '{"a": 1}',
}  # fmt: skip
every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
every_listed_entity = pytest.mark.parametrize("entity", LISTED, ids=lambda entity: entity.name)
every_referring_entity = pytest.mark.parametrize("entity", REFERRING, ids=lambda entity: entity.name)


def table_of(entity: Entity) -> str:
    return entity.name.replace("-", "_")


def created(client: FlaskClient, entity: Entity) -> dict[str, Any]:
    return client.post(entity.path, json=entity.body(client)).json


def written(value: Any) -> str:
    """A value as a query writes it."""
    return value if isinstance(value, str) else json.dumps(value)


# Filters


@every_entity
def test_every_column_that_is_not_a_list_is_found_by_its_value(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    for column, value in row.items():
        if value is not None and not isinstance(value, list):
            found = list_of(client, entity, row, **{column: written(value)})
            assert row["id"] in [each["id"] for each in found], column


@every_entity
def test_every_column_can_be_told_apart_from_null(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    for column, value in row.items():
        for isnull in (True, False):
            found = list_of(client, entity, row, id=row["id"], **{f"{column}__isnull": written(isnull)})
            assert bool(found) == ((value is None) == isnull), column


@every_entity
def test_every_operator_of_every_column_is_understood(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    known = VOCABULARIES[table_of(entity)]
    for name, parameter in known.own.items():
        field = known.fields.get(parameter.place.column)
        text = "5" if name == "phone" else TEXTS_OF_KIND["flag"]
        if field and parameter.operator not in ("isnull", "empty"):
            inner = getattr(field, "inner", field)
            text = row.get(parameter.place.column) if hasattr(field, "validators") and field.validators else None
            text = str(text) if text else TEXTS_OF_KIND[kind_of(inner)]
        if name == "conversation_id" and not entity.listed:
            text = row["conversation_id"]
        list_of(client, entity, row, **{name: text})


@every_entity
def test_different_also_means_null_and_none_of_also_means_null(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    known = VOCABULARIES[table_of(entity)]
    for column, value in row.items():
        kind = kind_of(known.fields[column])
        if kind in ("list", "object", "flag"):
            continue
        text = written(value if value is not None else TEXTS_OF_KIND[kind])
        for name in (f"{column}__ne", f"{column}__nin"):
            assert bool(list_of(client, entity, row, id=row["id"], **{name: text})) == (value is None), name
        or_null = list_of(client, entity, row, id=row["id"], **{f"{column}__in_or_null": text})
        assert len(or_null) == 1, column


@every_referring_entity
def test_the_row_that_a_reference_points_to_can_be_asked_about(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    reference = entity.reference.removesuffix("_id")
    path = f"{reference}.created_at"
    assert list_of(client, entity, row, id=row["id"], **{f"{path}__isnull": "false"})
    assert not list_of(client, entity, row, id=row["id"], **{f"{path}__gt": "now+1h"})


@every_entity
def test_what_points_here_can_be_asked_for(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    for name in REVERSE[table_of(entity)]:
        assert not list_of(client, entity, row, id=row["id"], **{f"{name}__exists": "true"})
        assert list_of(client, entity, row, id=row["id"], **{f"{name}__exists": "false"})


def test_something_points_here_when_it_does(client: FlaskClient):
    said = message(client)
    assert ids(client, "/conversations", "messages__exists=true") == {said["conversation_id"]}
    made = goal(client)
    work = task(client, user_id=made["user_id"], goal_id=made["id"])
    child = goal(client, user_id=made["user_id"], parent_goal_id=made["id"])
    create(client, "notification-log", task_id=work["id"], channel="push")
    assert ids(client, "/goals", "tasks__exists=true") == {made["id"]}
    assert ids(client, "/goals", "children__exists=true") == {made["id"]}
    assert ids(client, "/goals", "tasks__exists=false") == {child["id"]}
    assert made["user_id"] in ids(client, "/users", "tasks__exists=true")
    assert ids(client, "/tasks", "notification_log__exists=true") == {work["id"]}


def test_one_of_several_values_and_none_of_them(client: FlaskClient):
    made = {status: task(client, status=status)["id"] for status in ("pending", "done", "missed")}
    assert ids(client, "/tasks", "status__in=pending,done") == {made["pending"], made["done"]}
    assert ids(client, "/tasks", "status__nin=pending,done") == {made["missed"]}
    assert ids(client, "/tasks", f"id__in={made['done']},{NOWHERE}") == {made["done"]}


def test_a_value_of_a_list_with_a_comma_is_put_in_quotes(client: FlaskClient):
    made = [task(client, title=title)["id"] for title in ("a,b", 'say "hi"', "c")]
    assert ids(client, "/tasks", {"title__in": '"a,b","say \\"hi\\""'}) == set(made[:2])


def test_a_list_that_is_given_in_several_parameters_is_one_list(client: FlaskClient):
    made = {title: task(client, title=title) for title in ("a,b", "c", "d")}
    assert set(titles(client, "/tasks", 'title__in="a,b"&title__in=c,x')) == {"a,b", "c"}
    assert titles(client, "/tasks", "title__nin=c&title__nin=d") == ["a,b"]
    assert titles(client, "/tasks", "sort=status&sort=-title") == ["d", "c", "a,b"]
    row = made["c"]
    query = f"id={row['id']}&fields=id&fields=title,version&expand=goal&expand=user(id)"
    shown = {"id": row["id"], "title": "c", "version": 1, "goal": None, "user": {"id": row["user_id"]}}
    assert rows(client, "/tasks", query) == [shown]
    groups = ask(client, "/tasks/statistics", "group_by=day&group_by=status")["groups"]
    assert [(each["day"], each["status"]) for each in groups] == [(None, "pending")]


@pytest.mark.parametrize(
    ("operator", "matching"),
    [
        ("__gt", {30}),
        ("__gte", {20, 30}),
        ("__lt", {10}),
        ("__lte", {10, 20}),
        ("__gt_or_null", {30, None}),
        ("__gte_or_null", {20, 30, None}),
        ("__lt_or_null", {10, None}),
        ("__lte_or_null", {10, 20, None}),
        ("__ne", {10, 30, None}),
        ("__ne_or_null", {10, 30, None}),
        ("__eq_or_null", {20, None}),
        ("__in_or_null", {20, None}),
        ("__nin_or_null", {10, 30, None}),
        ("", {20}),
    ],
)
def test_numbers_and_times_are_compared_and_null_passes_where_it_is_asked_to(
    client: FlaskClient, operator: str, matching: set
):
    for minutes in (10, 20, 30, None):
        at = minutes and f"2026-03-01T09:{minutes}:00+00:00"
        task(client, duration_minutes=minutes, scheduled_at=at)
    found = rows(client, "/tasks", {f"duration_minutes{operator}": "20"})
    assert {row["duration_minutes"] for row in found} == matching
    found = rows(client, "/tasks", {f"scheduled_at{operator}": "2026-03-01T13:20:00+04:00"})
    assert {row["duration_minutes"] for row in found} == matching


def test_lists_are_asked_for_an_element_and_for_being_empty(client: FlaskClient):
    both, one, empty, null = (
        task(client, class_tags=tags)["id"] for tags in (["Health", "Sport"], ["Health"], [], None)
    )
    assert ids(client, "/tasks", "class_tags__contains=Health") == {both, one}
    assert ids(client, "/tasks", "class_tags__contains=Health&class_tags__contains=Sport") == {both}
    assert ids(client, "/tasks", "class_tags__contains_or_null=Sport") == {both, null}
    assert ids(client, "/tasks", "class_tags__ncontains=Sport") == {one, empty, null}
    assert ids(client, "/tasks", "class_tags__ncontains=Sport&class_tags__ncontains=Health") == {empty, null}
    assert ids(client, "/tasks", "class_tags__contains=Health&class_tags__ncontains=Sport") == {one}
    assert ids(client, "/tasks", "class_tags__empty=true") == {empty, null}
    assert ids(client, "/tasks", "class_tags__empty=false") == {both, one}
    plan = goal(client)["id"]
    shared = task(client, shared_with_goal_ids=[plan])["id"]
    assert ids(client, "/tasks", f"shared_with_goal_ids__contains={plan.upper()}") == {shared}


@pytest.mark.parametrize("column", ["id", "title", "duration_minutes", "scheduled_at", "user.email", "description"])
def test_an_empty_list_is_equal_to_nothing(client: FlaskClient, column: str):
    made = task(client)["id"]
    assert ids(client, "/tasks", f"or=({column}__in:())") == set()
    assert (
        ids(client, "/tasks", f"or=({column}__nin:())") == ids(client, "/tasks", "or=(id__in:();id__nin:())") == {made}
    )


@pytest.mark.parametrize("odd", ['"', "\\", "a,b", "{}", "NULL", "", "%", "'"])
def test_an_element_of_odd_characters_is_only_itself(client: FlaskClient, odd: str):
    made = task(client, class_tags=["x", odd])["id"]
    task(client, class_tags=["x", "y"])
    assert ids(client, "/tasks", {"class_tags__contains": odd}) == {made}


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("run*", {"run", "run 50%"}),
        ("*50%", {"run 50%"}),
        ("r_n", set()),
        ("%", set()),
        ("*_*", {"r_\\n"}),
        ("r_\\*", {"r_\\n"}),
        ("*", {"run", "run 50%", "Run", "r_\\n"}),
        ("RUN", set()),
    ],
)
def test_only_the_star_is_a_wildcard(client: FlaskClient, pattern: str, matching: set):
    for title in ("run", "run 50%", "Run", "r_\\n"):
        task(client, title=title)
    assert set(titles(client, "/tasks", {"title__like": pattern})) == matching


def test_a_pattern_may_ignore_capitals(client: FlaskClient):
    made = {task(client, title=title)["id"] for title in ("RUN far", "run", "Überrun")}
    assert ids(client, "/tasks", "title__ilike=*Run*") == made
    assert titles(client, "/tasks", {"title__ilike": "ÜBER*"}) == ["Überrun"]


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("data.user_overridden=true", True),
        ("data.user_overridden=false", False),
        ("data.user_overridden__ne=true", False),
        ("data.weekday=1", True),
        ("data.weekday=1.0", True),
        ("data.weekday__in=1,2", True),
        ("data.weekday__nin=1,2", False),
        ("data.weekday__gt=0.5", True),
        ("data.weekday__lte=-3", False),
        ("data.weekday__lt_or_null=0", False),
        ("data.nowhere__lt_or_null=0", True),
        ("data.nowhere__ne=1", True),
        ("data.nowhere__isnull=true", True),
        ("data.null__isnull=true", True),
        ("data.weekday__isnull=false", True),
        ("data.name=Ada", True),
        ("data.name__like=A*", True),
        ("data.name__ilike=a*", True),
        ("data.name__gt=Ab", True),
        ("data.name__gt=5", False),
        ("data.digits=5", True),
        ("data.days__contains=2", True),
        ("data.days__contains=mon", True),
        ("data.days__ncontains=mon", False),
        ("data.days__ncontains=3", True),
        ("data.nothing__ncontains=3", True),
        ("data.days__contains=3", False),
        ("data.days.0=2", True),
        ("data.a.b.c=deep", True),
        ("data.a.b.c__ne=deep", False),
        ('data.a={"b": {"c": "deep"}}', False),
        ("data.ключ=да", True),
        ("data.under__score__in=1", True),
    ],
)
def test_a_key_inside_an_object_is_compared_by_what_its_text_can_mean(client: FlaskClient, query: str, matches: bool):
    data = {
        "user_overridden": True, "weekday": 1, "name": "Ada", "digits": "5", "days": [2, "mon"], "null": None,
        "a": {"b": {"c": "deep"}}, "ключ": "да", "under__score": 1,
    }  # fmt: skip
    create(client, "patterns", user_id=user(client)["id"], data=data)
    name, _, value = query.partition("=")
    assert bool(rows(client, "/patterns", {name: value})) == matches


def test_an_object_is_compared_whole(client: FlaskClient):
    made = user(client, profile={"a": 1, "b": [2]})["id"]
    assert ids(client, "/users", {"profile": '{"b": [2], "a": 1.0}'}) == {made}
    assert ids(client, "/users", {"profile__ne": '{"b": [2], "a": 1}'}) == set()


def test_a_phone_number_is_compared_by_its_digits(client: FlaskClient):
    made = user(client, notification_preferences={"phone_number": "+971 (50) 123-4567"})["id"]
    user(client, notification_preferences={"phone_number": "+971 50 123 4568"})
    for phone in ("+971501234567", "971501234567", "971-50-123 45 67"):
        assert ids(client, "/users", {"phone": phone}) == {made}
    assert ids(client, "/users", "phone=+971501234567") == {made}, "a raw + arrives as a space"
    assert ids(client, "/users", {"notification_preferences.phone_number": "+971 (50) 123-4567"}) == {made}


def test_what_a_reference_points_to_is_compared_like_a_column(client: FlaskClient):
    owner = user(client, push_subscription={"endpoint": "https://push"}, timezone="Asia/Dubai")["id"]
    made = goal(client, user_id=owner, title="Run 10 km", class_tags=["Health"])
    work = task(client, user_id=owner, goal_id=made["id"])
    other = task(client)
    for query in (
        "user.push_subscription__isnull=false",
        "user.push_subscription.endpoint__like=https*",
        "goal.title__ilike=run*",
        "goal.class_tags__contains=Health",
        "goal.status=active&user.timezone=Asia/Dubai",
    ):
        assert ids(client, "/tasks", query) == {work["id"]}, query
    assert ids(client, "/tasks", "goal.title__ne=Run 10 km") == {other["id"]}, "no goal at all is different too"
    create(client, "notification-log", task_id=work["id"], channel="push")
    assert len(rows(client, "/notification-log", "task.status=pending")) == 1
    assert rows(client, "/notification-log", "task.status__ne=pending") == []


@pytest.mark.parametrize(
    ("either", "matching"),
    [
        ("(status__in:(pending,done);status:missed,goal_id__isnull:false)", {"pending", "done"}),
        ("(status:missed;status:done)", {"missed", "done"}),
        ("(status:missed,title:missed)", {"missed"}),
        ("(status:missed,title:done)", set()),
        ('(title:"a;b,(c)")', {"a;b,(c)"}),
        ('(title__in:("a;b,(c)",done))', {"a;b,(c)", "done"}),
        ('(title:"quote \\" and \\\\")', {'quote " and \\'}),
        ("(scheduled_at__gte:2026-03-01T09:00:00Z;status:done)", {"done"}),
        ("(scheduled_at__gte_or_null:now-5m,status:done)", {"done"}),
        ("(user.timezone:UTC,status:done)", {"done"}),
        ("(user.profile.a:1;status:done)", {"done"}),
        ("(notification_log__exists:true;status:done)", {"done"}),
        ("(class_tags__contains:x;status:done)", {"done"}),
    ],
)
def test_one_of_several_groups_may_hold(client: FlaskClient, either: str, matching: set):
    for status in ("pending", "done", "missed"):
        task(client, status=status, title=status)
    for title in ("a;b,(c)", 'quote " and \\'):
        task(client, status="cancelled", title=title)
    assert set(titles(client, "/tasks", {"or": either})) == matching


def test_two_alternatives_must_both_hold_and_so_must_filters_beside_them(client: FlaskClient):
    for status in ("pending", "done", "missed"):
        task(client, status=status, title=status)
    query = "or=(status:pending;status:done)&or=(status:done;status:missed)"
    assert titles(client, "/tasks", query) == ["done"]
    assert titles(client, "/tasks", f"{query}&title__ne=done") == []


@pytest.mark.parametrize("written", ["now%2B2h", "now+2h", "now%202h", "now%2B120m", "now%2B7200s"])
def test_a_time_may_be_relative_to_now_whatever_became_of_its_plus(client: FlaskClient, written: str):
    soon, later = (
        task(client, scheduled_at=(datetime.now(UTC) + timedelta(hours=hours)).isoformat())["id"] for hours in (1, 3)
    )
    assert ids(client, "/tasks", f"scheduled_at__lt={written}") == {soon}
    assert ids(client, "/tasks", f"scheduled_at__gte={written}") == {later}


def test_a_relative_time_may_lie_in_the_past_by_weeks(client: FlaskClient):
    for days in (6, 8, 31):
        task(client, title=str(days), scheduled_at=(datetime.now(UTC) - timedelta(days=days)).isoformat())
    assert set(titles(client, "/tasks", "scheduled_at__gt=now-30d")) == {"6", "8"}
    assert set(titles(client, "/tasks", "scheduled_at__gt=now-1w")) == {"6"}
    assert len(titles(client, "/tasks", "scheduled_at__lt=now&created_at__lte=now")) == 3


# Order and pages


def test_rows_are_sorted_by_any_columns_with_nulls_last_unless_asked_first(client: FlaskClient):
    for title, minutes in (("a", 2), ("b", None), ("c", 1), ("d", 2)):
        task(client, title=title, duration_minutes=minutes)
    for sort, expected in {
        "duration_minutes,title": "cadb",
        "-duration_minutes,-title": "dacb",
        "duration_minutes:nullsfirst,-title": "bcda",
        "-duration_minutes:nullsfirst,title": "badc",
        "-duration_minutes:nullslast,title": "adcb",
        "-title": "dcba",
        "id": "abcd",
        "-id": "dcba",
        "status": "abcd",
        "-status": "dcba",
    }.items():
        assert "".join(titles(client, "/tasks", f"sort={sort}")) == expected, sort


@every_listed_entity
def test_every_column_can_be_sorted_by_and_paged_through(client: FlaskClient, entity: Entity):
    made = {created(client, entity)["id"] for _ in range(3)}
    for column in VOCABULARIES[table_of(entity)].fields:
        for sort in (column, f"-{column}", f"{column}:nullsfirst", f"-{column}:nullsfirst"):
            seen = [row["id"] for page in pages(client, f"/{entity.name}", {"sort": sort, "limit": 1}) for row in page]
            assert len(seen) == len(set(seen)), sort
            assert set(seen) >= made, sort


def test_a_page_carries_the_cursor_of_the_next_and_a_link_to_it(client: FlaskClient):
    for title in "abc":
        task(client, title=title)
    first = client.get("/api/v1/tasks?title__ne=x%26y&sort=title&limit=2&skip=0")
    assert first.json["has_next"] is True
    link = re.fullmatch(r'<(.+)>; rel="next"', first.headers["Link"])[1]
    assert f"cursor={first.json['next_cursor']}" in link
    assert "skip" not in link
    last = client.get(link)
    assert [row["title"] for row in last.json["items"]] == ["c"]
    assert (last.json["next_cursor"], last.json["has_next"], last.json["has_prev"]) == (None, False, True)
    assert (last.json["page"], last.json["total"]) == (None, None)
    assert "Link" not in last.headers


def test_a_link_keeps_what_was_asked_for_also_where_it_is_not_ascii(client: FlaskClient):
    for title in "ab":
        task(client, title=title)
    link = client.get("/api/v1/tasks?title__ne=%C3%BC&limit=1").headers["Link"]
    assert len(client.get(link[1 : link.index(">")]).json["items"]) == 1
    raw = client.get("/api/v1/tasks", environ_overrides={"QUERY_STRING": "title__ne=\xc3\xbc&limit=1"})
    assert "Link" in raw.headers


@every_listed_entity
def test_skip_keeps_working_and_counts_what_there_is(client: FlaskClient, entity: Entity):
    made = [created(client, entity)["id"] for _ in range(3)]
    page = ask(client, f"/{entity.name}", {"id__in": ",".join(made), "skip": 1, "limit": 1, "sort": "id"})
    assert [row["id"] for row in page["items"]] == [made[1]]
    kept = ("total", "page", "page_size", "has_next", "has_prev")
    assert [page[name] for name in kept] == [3, 2, 1, True, True]


@every_listed_entity
def test_rows_are_counted_exactly_by_estimate_or_not_at_all(client: FlaskClient, entity: Entity):
    made = created(client, entity)["id"]
    path = f"/{entity.name}"
    exact = ask(client, path, f"id={made}")
    assert (exact["total"], "total_is_estimate" in exact) == (1, False)
    assert ask(client, path, f"id={made}&count=none")["total"] is None
    estimated = ask(client, path, f"id={made}&count=estimated")
    assert (isinstance(estimated["total"], int), estimated["total_is_estimate"]) == (True, True)


def test_a_page_by_cursor_is_counted_when_that_is_asked_for(client: FlaskClient):
    for _ in range(3):
        task(client)
    cursor = ask(client, "/tasks", "limit=1")["next_cursor"]
    assert ask(client, "/tasks", f"limit=1&cursor={cursor}&count=exact")["total"] == 3


@every_entity
def test_every_entity_counts_what_matches(client: FlaskClient, entity: Entity):
    made = [created(client, entity)["id"] for _ in range(2)]
    assert ask(client, f"/{entity.name}/count", f"id__in={','.join(made)}") == {"count": 2}
    assert ask(client, f"/{entity.name}/count", f"or=(id:{made[0]};id:{NOWHERE})") == {"count": 1}
    assert ask(client, f"/{entity.name}/count", "created_at__gt=now%2B1h") == {"count": 0}


# Shape


@every_entity
def test_only_the_fields_that_are_asked_for_come_back(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    expected = {"version": 1, "id": row["id"]}
    assert list_of(client, entity, row, id=row["id"], fields="version,id,version") == [expected]
    assert ask(client, f"/{entity.name}/{row['id']}", "fields=version,id") == expected
    assert list_of(client, entity, row, id=row["id"], fields="version") == [{"version": 1}]
    [whole] = list_of(client, entity, row, id=row["id"], fields=",".join(row))
    assert whole == row


@every_entity
def test_the_row_that_a_reference_points_to_is_put_into_the_row(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    for name, table in REFERENCES[table_of(entity)].items():
        path = f"/{entity.name}/{row['id']}"
        there = row[f"{name}_id"] and ask(client, f"/{table}/{row[f'{name}_id']}")
        assert ask(client, path, f"expand={name}") == row | {name: there}
        part = there and {"id": there["id"]}
        assert ask(client, path, f"expand={name}(id)") == row | {name: part}
        assert ask(client, path, f"fields=id,{name}(id)") == {"id": row["id"], name: part}
        assert list_of(client, entity, row, id=row["id"], fields=f"{name}(id)") == [{name: part}]


def test_a_goal_shows_its_tasks_counted_and_its_children(client: FlaskClient):
    owner = user(client)["id"]
    made = goal(client, user_id=owner)["id"]
    for status in ("done", "done", "missed"):
        task(client, user_id=owner, goal_id=made, status=status)
    children = [goal(client, user_id=owner, parent_goal_id=made) for _ in range(2)]
    found = {row["id"]: row for row in rows(client, "/goals", "expand=task_counts,children&sort=id")}
    assert found[made]["task_counts"] == {"total": 3, "by_status": {"done": 2, "missed": 1}}
    assert found[made]["children"] == children
    assert found[children[0]["id"]]["task_counts"] == {"total": 0, "by_status": {}}
    assert found[children[0]["id"]]["children"] == []
    assert ask(client, f"/goals/{made}", "fields=children(id)")["children"] == [{"id": each["id"]} for each in children]


def test_a_conversation_shows_its_first_and_last_words_and_all_between(client: FlaskClient):
    talk = conversation(client)["id"]
    said = [message(client, conversation_id=talk, role=role, content=role) for role in ("system", "user", "assistant")]
    silent = conversation(client)["id"]
    names = "first_user_message,last_message,messages(role)"
    found = {row["id"]: row for row in rows(client, "/conversations", f"expand={names}")}
    assert found[talk]["first_user_message"] == said[1]
    assert found[talk]["last_message"] == said[2]
    assert found[talk]["messages"] == [{"role": "system"}, {"role": "user"}, {"role": "assistant"}]
    shown = [found[silent][name] for name in ("first_user_message", "last_message", "messages")]
    assert shown == [None, None, []]


def test_a_task_shows_its_notification_log(client: FlaskClient):
    made = task(client)
    entry = create(client, "notification-log", task_id=made["id"], channel="push")
    shown = made | {"notification_log": [entry], "notification_log_truncated": False}
    assert ask(client, f"/tasks/{made['id']}", "expand=notification_log") == shown


def test_a_list_inside_a_row_is_cut_and_sorted_as_asked_and_says_so(client: FlaskClient):
    talk = conversation(client)["id"]
    for turn in "abc":
        message(client, conversation_id=talk, content=turn, role="user" if turn < "c" else "system")
    for options, expected, truncated in (
        ("", "abc", False),
        (",limit:3", "abc", False),
        (",limit:2", "ab", True),
        (",sort:-created_at,limit:1", "c", True),
        (",sort:(role,-content)", "cba", False),
        (",sort:-role", "bac", False),
    ):
        [row] = rows(client, "/conversations", f"fields=id,messages(content{options})")
        assert "".join(each["content"] for each in row["messages"]) == expected, options
        assert row["messages_truncated"] is truncated, options
    [whole] = rows(client, "/messages", f"conversation_id={talk}&content=c")
    assert ask(client, f"/conversations/{talk}", "expand=messages(limit:1,sort:-id)")["messages"] == [whole]


def test_a_list_inside_a_row_has_at_most_a_hundred_unless_more_are_asked_for(client: FlaskClient):
    talk = conversation(client)["id"]
    said = [{"conversation_id": talk, "role": "user", "content": str(turn)} for turn in range(101)]
    assert client.post("/api/v1/messages/bulk", json=said).status_code == 201
    for expand, count in (("messages", 100), ("messages(limit:1000)", 101)):
        row = ask(client, f"/conversations/{talk}", f"expand={expand}")
        assert (len(row["messages"]), row["messages_truncated"]) == (count, count == 100)


def test_rows_behind_two_references_are_shown_and_asked_about(client: FlaskClient):
    owner = user(client, timezone="Asia/Dubai", push_subscription={"endpoint": "https://push"})["id"]
    work = task(client, user_id=owner, title="run", conversation_id=conversation(client, user_id=owner)["id"])
    entry = create(client, "notification-log", task_id=work["id"], channel="push")["id"]
    create(client, "notification-log", task_id=task(client)["id"], channel="push")
    query = "task.user.timezone=Asia/Dubai&task.user.push_subscription.endpoint__like=https*"
    assert ids(client, "/notification-log", query) == {entry}
    assert ids(
        client, "/notification-log", "or=(task.user.timezone:nowhere;task.goal.title__isnull:true,task.title:run)"
    ) == {entry}
    shown = {"title": "run", "user": {"push_subscription": {"endpoint": "https://push"}}}
    path = f"/notification-log/{entry}"
    assert ask(client, path, f"fields=task(title,user(push_subscription))&{query}") == {"task": shown}
    shown = {"title": "run", "goal": None, "conversation": {"id": work["conversation_id"]}}
    assert ask(client, path, "fields=id&expand=task(title,goal(id),goal,conversation(id))") == {
        "id": entry,
        "task": shown,
    }
    answer = client.patch(f"/api/v1{path}?task.user.timezone=UTC", json={"response": "x"})
    assert answer.status_code == 412
    answer = client.patch(f"/api/v1{path}?{query}&fields=version,task(user(timezone))", json={"response": "x"})
    assert answer.json == {"version": 2, "task": {"user": {"timezone": "Asia/Dubai"}}}


def test_a_list_may_stand_in_a_row_behind_a_reference_and_the_other_way_round(client: FlaskClient):
    said = message(client)
    talk = said["conversation_id"]
    [row] = rows(client, "/messages", f"conversation_id={talk}&fields=id,conversation(messages(id,limit:1))")
    inside = {"messages": [{"id": said["id"]}], "messages_truncated": False}
    assert row == {"id": said["id"], "conversation": inside}
    shown = ask(client, f"/conversations/{talk}", "fields=messages(conversation(id))")
    assert shown["messages"] == [{"conversation": {"id": talk}}]
    parent = goal(client)
    goal(client, user_id=parent["user_id"], parent_goal_id=parent["id"])
    [child] = ask(client, f"/goals/{parent['id']}", "fields=children(task_counts)")["children"]
    assert child == {"task_counts": {"total": 0, "by_status": {}}}


def test_a_key_of_an_object_is_shown_alone(client: FlaskClient):
    data = {"count": 2, "a": {"b": {"c": 1}, "d": 4}, "list": [5, 6], "x,y": None}
    made = create(client, "patterns", user_id=user(client)["id"], data=data)
    path = f"/patterns/{made['id']}"
    for fields, expected in {
        "data.count": {"count": 2},
        "data.count,data.nowhere": {"count": 2, "nowhere": None},
        "data.a.b,data.count": {"a": {"b": {"c": 1}}, "count": 2},
        "data.a.b.c,data.a.d": {"a": {"b": {"c": 1}, "d": 4}},
        "data.a.d,data.a": {"a": {"b": {"c": 1}, "d": 4}},
        "data.list.1": {"list": {"1": 6}},
        '"data.x,y"': {"x,y": None},
        "data.count,data": data,
    }.items():
        assert ask(client, path, {"fields": fields}) == {"data": expected}, fields
    fifty = ",".join(f"data.k{number}" for number in range(50))
    assert len(ask(client, path, f"fields={fifty}")["data"]) == 50
    assert client.get(f"/api/v1{path}?fields={fifty},data.k50").status_code == 422
    query = f"id={made['id']}&fields=data.count,user(profile.a)&sort=data,-confidence"
    assert rows(client, "/patterns", query) == [{"user": {"profile": {"a": None}}, "data": {"count": 2}}]
    assert streamed(client, "/patterns", f"id={made['id']}&fields=data.count") == [{"data": {"count": 2}}]
    assert client.get(f"/api/v1{path}?fields=data.count", headers={"If-None-Match": '"1"'}).status_code == 304


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_page_is_cut_between_rows_even_when_rows_hold_lists(client: FlaskClient, limit: int):
    talks = [conversation(client)["id"] for _ in range(3)]
    for talk in talks:
        for turn in range(3):
            message(client, conversation_id=talk, content=f"\n, \n {turn}")
    for shape in ("expand=messages", "fields=id,messages(content)"):
        found = rows(client, "/conversations", f"{shape}&limit={limit}&sort=id")
        assert [row["id"] for row in found] == talks[:limit]
        assert all(len(row["messages"]) == 3 for row in found)


# Plain arrays


def test_a_range_of_time_takes_all_of_it(client: FlaskClient):
    owner = user(client)["id"]
    for title, status in (("a", "done"), ("b", "missed"), ("c", "done"), ("d", "done")):
        task(client, user_id=owner, title=title, status=status, scheduled_at="2026-03-01T09:00:00Z")
    path = "/tasks/by-timerange"
    span = {"user_id": owner, "start_at": "2026-03-01T09:00:00Z", "end_at": "2026-03-01T13:00:00+04:00"}
    assert titles(client, path, span | {"status": "done", "sort": "-title"}) == ["d", "c", "a"]
    assert titles(client, path, span | {"or": "(title:a;status:missed)"}) == ["a", "b"]
    assert titles(client, path, span | {"skip": 1, "limit": 2, "sort": "title"}) == ["b", "c"]
    assert rows(client, path, span | {"fields": "title,user(id)", "title": "a"}) == [
        {"title": "a", "user": {"id": owner}}
    ]
    assert rows(client, path, span | {"expand": "goal", "title": "a"})[0]["goal"] is None
    assert [row["title"] for row in streamed(client, f"/{path[1:]}", span)] == ["a", "b", "c", "d"]
    relative = {"user_id": owner, "start_at": "now-5000w", "end_at": "now+5000w"}
    assert len(rows(client, path, relative)) == 4


def test_a_transcript_takes_all_of_it(client: FlaskClient):
    talk = conversation(client)["id"]
    for turn in "abcd":
        message(client, conversation_id=talk, content=turn, role="user" if turn < "c" else "assistant")
    query = {"conversation_id": talk}

    def contents(**more: Any) -> str:
        return "".join(row["content"] for row in rows(client, "/messages", query | more))

    assert contents() == "abcd"
    assert contents(role="user") == "ab"
    assert contents(sort="-created_at") == "dcba"
    assert contents(skip=1, limit=2) == "bc"
    assert contents(**{"or": "(content:a;role:assistant)"}) == "acd"
    assert contents(**{"conversation.context_type": "voice"}) == ""
    assert rows(client, "/messages", query | {"fields": "content", "limit": 1}) == [{"content": "a"}]
    assert rows(client, "/messages", query | {"expand": "conversation(id)"})[0]["conversation"] == {"id": talk}
    assert [row["content"] for row in streamed(client, "/messages", query)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_plain_array_that_a_limit_cut_links_to_what_follows(client: FlaskClient, limit: int):
    talk = conversation(client)["id"]
    for turn in range(5):
        message(client, conversation_id=talk, content=str(turn))
    seen: list[str] = []
    place = f"/api/v1/messages?conversation_id={talk}&limit={limit}"
    while place:
        answer = client.get(place)
        seen += [row["content"] for row in answer.json]
        link = answer.headers.get("Link", "")
        place = link[1 : link.index(">")] if link else ""
    assert seen == ["0", "1", "2", "3", "4"]


# Streams


@every_entity
def test_every_list_is_answered_as_a_stream_of_lines_too(client: FlaskClient, entity: Entity):
    made = [created(client, entity) for _ in range(2)]
    if not entity.listed:
        made = made[:1]
    query = {"id__in": ",".join(row["id"] for row in made), "sort": "-id"}
    if not entity.listed:
        query["conversation_id"] = made[0]["conversation_id"]
    assert streamed(client, f"/{entity.name}", query) == made[::-1]
    assert streamed(client, f"/{entity.name}", query | {"id__in": NOWHERE}) == []


def test_a_stream_takes_filters_shapes_cursors_and_limits(client: FlaskClient):
    for title in "abcd":
        task(client, title=title)
    shape = "sort=title&fields=title"
    cursor = ask(client, "/tasks", f"{shape}&limit=1")["next_cursor"]
    for more, expected in {
        "": "abcd", "&title__ne=b": "acd", "&limit=2": "ab", "&skip=1": "bcd",
        "&skip=1&limit=2": "bc", "&count=exact": "abcd", f"&cursor={cursor}": "bcd", f"&cursor={cursor}&limit=1": "b",
    }.items():  # fmt: skip
        assert streamed(client, "/tasks", shape + more) == [{"title": title} for title in expected], more


def test_a_streamed_row_is_one_line_even_when_it_holds_a_list(client: FlaskClient):
    talk = conversation(client)["id"]
    for turn in range(3):
        message(client, conversation_id=talk, content=f"line\n{turn}")
    [row] = streamed(client, "/conversations", "expand=messages")
    assert len(row["messages"]) == 3


# One row


@every_entity
def test_a_row_is_there_for_its_owner_alone_where_the_owner_is_named(client: FlaskClient, entity: Entity):
    row = created(client, entity)
    guard, owner = "user_id", row.get("user_id")
    if entity.name == "users":
        guard, owner = "id", row["id"]
    elif owner is None:
        reference = entity.reference.removesuffix("_id")
        guard = f"{reference}.user_id"
        owner = ask(client, f"/{reference}s/{row[entity.reference]}")["user_id"]
    path = f"/api/v1/{entity.name}/{row['id']}"
    assert client.get(f"{path}?{guard}={owner}").json == row
    assert client.get(f"{path}?{guard}={NOWHERE}").status_code == 404
    if guard != "id":
        assert client.delete(f"{path}?{guard}={NOWHERE}").status_code == 404
    assert client.get(f"{path}?version=2").status_code == 404
    assert client.get(f"{path}?or=(version:2;version:1)&fields=id").json == {"id": row["id"]}


# Statistics


def test_statistics_take_any_filter_in_place_of_the_three_parameters(client: FlaskClient):
    owner = user(client)["id"]
    for status in ("done", "missed", "done"):
        task(client, user_id=owner, status=status, class_tags=["Health"])
    task(client)
    assert ask(client, "/tasks/statistics", "class_tags__contains=Health") == {
        "user_id": None,
        "total_tasks": 3,
        "by_status": {"done": 2, "missed": 1},
        "completion_rate": 0.6667,
    }
    assert ask(client, "/tasks/statistics", f"user_id={owner}&status=done")["user_id"] == owner
    assert ask(client, "/tasks/statistics", "or=(status:missed;user.timezone:nowhere)")["total_tasks"] == 1


def test_statistics_come_in_groups(client: FlaskClient):
    owner = user(client)["id"]
    for status, at in (
        ("done", "2026-03-01T20:30:00Z"),
        ("missed", "2026-03-01T19:30:00Z"),
        ("done", "2026-03-01T21:00:00Z"),
    ):
        task(client, user_id=owner, status=status, scheduled_at=at)
    query = f"user_id={owner}&group_by=day&tz=Asia/Dubai"
    assert ask(client, "/tasks/statistics", query) == {
        "groups": [
            {"day": "2026-03-01", "total": 1, "by_status": {"missed": 1}, "completion_rate": 0},
            {"day": "2026-03-02", "total": 2, "by_status": {"done": 2}, "completion_rate": 1},
        ]
    }
    [group] = ask(client, "/tasks/statistics", f"user_id={owner}&group_by=week,weekday&status=missed")["groups"]
    assert (group["week"], group["weekday"]) == ("2026-02-23", 7)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("group_by=week", {"2026-03-23": 2, "2026-03-30": 0, "2026-04-06": 1, None: 1}),
        ("group_by=week&sort=-week", {"2026-04-06": 1, "2026-03-30": 0, "2026-03-23": 2, None: 1}),
        ("group_by=week&sort=week:nullsfirst", {None: 1, "2026-03-23": 2, "2026-03-30": 0, "2026-04-06": 1}),
        ("group_by=week&sort=-week&limit=2", {"2026-04-06": 1, "2026-03-30": 0}),
        ("group_by=month&bucket_on=completed_at", {"2025-11": 1, "2025-12": 0, "2026-01": 0, "2026-02": 3}),
        ("group_by=day&scheduled_at__lt=2026-04-01T00:00:00Z",
         {"2026-03-27": 1, "2026-03-28": 0, "2026-03-29": 1}),
        ("group_by=day&title=nothing", {}),
    ],
)  # fmt: skip
def test_dates_without_a_task_are_filled_in_between_others(client: FlaskClient, query: str, expected: dict):
    owner = user(client)["id"]
    for at, completed in (
        ("2026-03-27T23:30:00+01:00", "2025-11-30T12:00:00Z"),
        # The day when clocks go forward has 23 hours.
        ("2026-03-29T23:30:00+02:00", "2026-02-01T12:00:00Z"),
        ("2026-04-06T00:30:00+02:00", "2026-02-02T12:00:00Z"),
        (None, "2026-02-28T12:00:00Z"),
    ):
        task(client, user_id=owner, scheduled_at=at, completed_at=completed)
    answer = ask(client, "/tasks/statistics", f"user_id={owner}&tz=Europe/Berlin&fill=true&{query}")
    name = query[len("group_by=") :].partition("&")[0]
    assert [(each[name], each["total"]) for each in answer["groups"]] == list(expected.items())
    assert ("truncated" in answer) == ("limit" in query)
    empty = [each for each in answer["groups"] if each["total"] == 0]
    assert all((each["by_status"], each["completion_rate"]) == ({}, 0) for each in empty)


def test_no_more_than_a_thousand_dates_are_filled_in(client: FlaskClient):
    owner = user(client)["id"]
    for at in ("0001-01-01T00:00:00Z", "0001-01-03T12:00:00Z", "9999-12-31T23:59:00Z"):
        task(client, user_id=owner, scheduled_at=at)
    query = f"user_id={owner}&group_by=day&fill=true"
    answer = ask(client, "/tasks/statistics", query)
    assert (len(answer["groups"]), answer["groups"][-1]["day"], answer["truncated"]) == (1000, "0003-09-27", True)
    newest = ask(client, "/tasks/statistics", f"user_id={owner}&group_by=week&fill=true&sort=-week&limit=2")
    assert [each["week"] for each in newest["groups"]] == ["9999-12-27", "9999-12-20"]
    # What a time zone puts outside of the years of the calendar is a group, with nothing filled in beside it.
    answer = ask(client, "/tasks/statistics", f"{query}&tz=Asia/Dubai")
    assert [each["day"] for each in answer["groups"]] == ["0001-01-01", "0001-01-02", "0001-01-03", "10000-01-01"]


def test_statistics_without_any_match_have_no_groups(client: FlaskClient):
    assert ask(client, "/tasks/statistics", "group_by=day,status") == {"groups": []}


def test_more_groups_than_a_thousand_are_cut_and_that_is_said(client: FlaskClient):
    owner = user(client)["id"]
    start = datetime(2020, 1, 1, tzinfo=UTC)
    for portion in range(0, 1001, 100):
        for day in range(portion, min(portion + 100, 1001)):
            task(client, user_id=owner, scheduled_at=(start + timedelta(days=day)).isoformat())
    answer = ask(client, "/tasks/statistics", f"user_id={owner}&group_by=day")
    assert (len(answer["groups"]), answer["truncated"]) == (1000, True)
    assert answer["groups"][0]["day"] == "2020-01-01"
    newest = ask(client, "/tasks/statistics", f"user_id={owner}&group_by=day&sort=-day&limit=2")
    assert ([each["day"] for each in newest["groups"]], newest["truncated"]) == (["2022-09-27", "2022-09-26"], True)


def test_groups_are_sorted_by_their_names_or_totals_with_nulls_last_unless_asked_first(client: FlaskClient):
    for tags, status in ((["b"], "done"), (["b", "a"], "missed"), (["B"], "done"), ([], "done")):
        task(client, class_tags=tags, status=status)
    for sort, expected in {
        "class_tag": ["B", "a", "b", None],
        "-class_tag": ["b", "a", "B", None],
        "-class_tag:nullsfirst": [None, "b", "a", "B"],
        "-total": ["b", "B", "a", None],
        "total,-class_tag": ["a", "B", None, "b"],
    }.items():
        groups = ask(client, "/tasks/statistics", f"group_by=class_tag&sort={sort}")["groups"]
        assert [each["class_tag"] for each in groups] == expected, sort
    groups = ask(client, "/tasks/statistics", "group_by=status,class_tag&sort=-status&limit=2")["groups"]
    assert [(each["status"], each["class_tag"]) for each in groups] == [("missed", "a"), ("missed", "b")]
