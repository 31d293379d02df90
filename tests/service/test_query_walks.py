"""Pages and groups against random data: no row lost or seen twice, and sums as plain Python has them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from asking import ask
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.database import database
from app.query.model import GROUPS

OWNER = "0198f3c2-0000-7000-8000-0000000000aa"
thorough = settings(max_examples=150, deadline=None, database=None, derandomize=True)

Row = dict[str, Any]


@contextmanager
def undone() -> Iterator[None]:
    """A block with one person in the tables, all of which is undone at its end."""
    with database.atomic() as transaction:
        try:
            insert("users", [{"id": OWNER, "email": "a@b.io"}])
            yield
        finally:
            transaction.rollback()
    database.release()


def insert(table: str, rows: list[Row]) -> None:
    if rows:
        columns = ", ".join(rows[0])
        select = f"SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s)"
        database.execute_sql(f"INSERT INTO {table} ({columns}) {select}", (json.dumps(rows),))


# Few values, so that there are many ties and many nulls.
MOMENTS = [None, "2026-03-01T09:00:00+00:00", "2026-03-01T09:00:00.000001+00:00", "0001-01-01T00:00:00+00:00"]
COLUMNS: dict[str, dict[str, list[Any]]] = {
    "tasks": {
        "title": ["a", "B", "ä", 'q"\\', "a\n, \n "],
        "description": [None, "", "x", "null"],
        "status": ["done", "missed"],
        "scheduled_at": MOMENTS,
        "duration_minutes": [None, 1, 2, 2**31 - 1],
        "class_tags": [None, [], ["a"], ["a", "b,"], ["NULL"], ['"'], [""]],
        "shared_with_goal_ids": [None, []],
    },
    "goals": {
        "title": ["a", "b"],
        "status": ["completed", "abandoned"],
        "pipeline_order": [None, -(2**31), -1, 0, 2**31 - 1],
        "plan_json": [None, {}, {"a": 1}, {"a": 1.5}, {"a": [{"b": None}]}, {"a": -0.0, "ä": "\\"}],
        "completed_at": MOMENTS,
    },
    "patterns": {
        "pattern_type": [None, "a", "b"],
        "data": [None, {"a": True}, {"a": "true"}],
        "confidence": [None, 0.0, 1.0, 0.1, 5e-324, 1 / 3],
    },
}
FILTERS = ["", "", "id__isnull=false", "or=(version:1;version:2)", "user.email=a@b.io", "created_at__lte=now"]


@st.composite
def walks(draw: st.DrawFn) -> dict[str, Any]:
    """A table's rows, how they are sorted and cut, and what happens to them after each page."""
    table = draw(st.sampled_from(list(COLUMNS)))
    values = st.fixed_dictionaries(
        {"id": st.uuids(version=4).map(str)}
        | {column: st.sampled_from(some) for column, some in COLUMNS[table].items()}
    )
    columns = [*COLUMNS[table], "version", "created_at", "id"]
    key = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(columns), st.sampled_from(["", ":nullsfirst"]))
    change = st.tuples(st.lists(values, max_size=2), st.lists(st.integers(0, 20), max_size=2))
    return {
        "table": table,
        "rows": draw(st.lists(values, min_size=1, max_size=14)),
        "sort": draw(st.lists(key, min_size=1, max_size=4, unique_by=lambda each: each[1])),
        "limit": draw(st.integers(1, 5)),
        "changes": draw(st.lists(change, max_size=8)),
        "query": draw(st.sampled_from(FILTERS)),
        "shape": draw(st.sampled_from(["", "fields=id", "fields=id,user(email)", "expand=user"])),
    }


def walk(client: FlaskClient, path: str, query: str) -> Iterator[list[str]]:
    """The ids on each page."""
    cursor = ""
    while cursor is not None:
        page = ask(client, path, query + cursor)
        yield [row["id"] for row in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"


def with_owner(rows: list[Row]) -> list[Row]:
    return [row | {"user_id": OWNER} for row in rows]


def test_a_walk_sees_every_row_that_was_there_throughout_exactly_once_and_in_order(app: Flask):
    client = app.test_client()

    @thorough
    @given(walks())
    def check(case: dict[str, Any]) -> None:
        table, path = case["table"], f"/{case['table']}"
        sort = ",".join("".join(key) for key in case["sort"])
        query = "&".join(each for each in (f"sort={sort}&limit={case['limit']}", case["query"], case["shape"]) if each)
        with undone():
            insert(table, with_owner(case["rows"]))
            order = [row["id"] for row in ask(client, path, f"sort={sort}")["items"]]
            gone: set[str] = set()
            seen: list[str] = []
            changes = iter(case["changes"])
            for page in walk(client, path, query):
                seen += page
                added, removed = next(changes, ([], []))
                insert(table, with_owner(added))
                gone |= {order[each] for each in removed if each < len(order)}
                database.execute_sql(f"DELETE FROM {table} WHERE id = ANY (%s::uuid[])", (list(gone),))
        assert max(Counter(seen).values()) == 1, "no row is seen twice"
        stayed = [each for each in order if each not in gone]
        assert [each for each in seen if each in set(stayed)] == stayed

    check()


ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Dubai", "Australia/Lord_Howe", "America/St_Johns"]
STATUSES = ["pending", "done", "missed"]
TAGS = [None, [], ["Health"], ["Health", "Zeal", "Health"], ["ä", "Z"]]
GOALS = {None: None} | {f"0198f3c2-0000-7000-8000-0000000001{number:02}": tags for number, tags in enumerate(TAGS)}


def clock_changes(zone: str) -> list[datetime]:
    """The hours of two years in which a zone's offset changes; of a zone without any, the turns of the years."""
    hours = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(2 * 8760)]
    offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
    changes = [hour for hour, now, next_ in zip(hours, offsets, offsets[1:], strict=False) if now != next_]
    return changes or [datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]


CHANGES = {zone: clock_changes(zone) for zone in ZONES}


@st.composite
def gatherings(draw: st.DrawFn) -> dict[str, Any]:
    """Tasks around the days when clocks change, and how they are grouped."""
    zone = draw(st.sampled_from(ZONES))
    near = st.builds(
        lambda change, minutes: (change + timedelta(minutes=minutes)).isoformat(),
        st.sampled_from(CHANGES[zone]),
        st.integers(-2000, 2000),
    )
    moment = st.one_of(st.none(), near, near, near)
    task = st.fixed_dictionaries(
        {
            "id": st.uuids(version=4).map(str), "title": st.just("x"), "status": st.sampled_from(STATUSES),
            "scheduled_at": moment, "completed_at": moment, "class_tags": st.sampled_from(TAGS),
            "goal_id": st.sampled_from(list(GOALS)), "user_id": st.just(OWNER),
        }
    )  # fmt: skip
    return {
        "zone": zone,
        "tasks": draw(st.lists(task, max_size=25)),
        "by": draw(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=4, unique=True)),
        "on": draw(st.sampled_from(["scheduled_at", "completed_at"])),
    }


def keys_of(task: Row, name: str, on: str, zone: str) -> list[Any]:
    """The groups of one name in which a task is counted."""
    if name in ("status", "goal_id"):
        return [task[name]]
    if name in ("class_tag", "goal_class_tag"):
        tags = task["class_tags"] if name == "class_tag" else GOALS[task["goal_id"]]
        return sorted(set(tags or [])) or [None]
    if task[on] is None:
        return [None]
    at = datetime.fromisoformat(task[on]).astimezone(ZoneInfo(zone))
    return [
        {
            "day": at.date().isoformat(), "week": (at.date() - timedelta(days=at.weekday())).isoformat(),
            "month": f"{at:%Y-%m}", "weekday": at.isoweekday(), "hour": at.hour,
        }[name]
    ]  # fmt: skip


def gathered(tasks: list[Row], by: list[str], on: str, zone: str) -> list[Row]:
    """The groups as they are meant to be."""
    groups: dict[tuple, Counter] = defaultdict(Counter)
    for task in tasks:
        for key in product(*(keys_of(task, name, on, zone) for name in by)):
            groups[key][task["status"]] += 1
    return [
        dict(zip(by, key, strict=True))
        | {
            "total": counts.total(),
            "by_status": dict(sorted(counts.items())),
            "completion_rate": round(counts["done"] / counts.total(), 4),
        }
        for key, counts in sorted(groups.items(), key=lambda item: [(part is None, part or 0) for part in item[0]])
    ]


def test_groups_are_what_plain_python_makes_of_the_same_tasks_even_when_clocks_change(app: Flask):
    client = app.test_client()

    @thorough
    @given(gatherings())
    def check(case: dict[str, Any]) -> None:
        query = {"group_by": ",".join(case["by"]), "bucket_on": case["on"], "tz": case["zone"]}
        with undone():
            insert("goals", [goal_row(each) for each in GOALS if each])
            insert("tasks", case["tasks"])
            answer = ask(client, "/tasks/statistics", query)
        assert answer == {"groups": gathered(case["tasks"], case["by"], case["on"], case["zone"])}

    check()


def goal_row(id: str) -> Row:
    return {"id": str(UUID(id)), "user_id": OWNER, "title": "x", "class_tags": GOALS[id]}


def test_the_two_hours_of_one_night_are_one_hour_and_the_day_has_both(app: Flask):
    night = ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"]
    tasks = [
        {"id": f"0198f3c2-0000-4000-8000-00000000000{number}", "title": "x", "user_id": OWNER, "scheduled_at": at,
         "status": "pending"}
        for number, at in enumerate(night)
    ]  # fmt: skip
    with undone():
        insert("tasks", tasks)
        query = "group_by=day,hour&tz=America/New_York"
        groups = ask(app.test_client(), "/tasks/statistics", query)["groups"]
    assert [(group["day"], group["hour"], group["total"]) for group in groups] == [
        ("2026-11-01", 1, 2),
        ("2026-11-01", 2, 1),
    ]
