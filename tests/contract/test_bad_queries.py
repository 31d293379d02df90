"""Queries that are wrong, or hostile: a 422 that helps, or a bounded answer; never a 500, never other rows."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import orjson
import pytest
from asking import NDJSON, ask, ids, refusal, rows, titles
from conftest import run_alone
from entities import ALL, LISTED, NOWHERE, TASKS, Entity, create, goal, task, user
from flask.testing import FlaskClient

from app.config import Settings
from app.database import database
from app.query.values import kind_of
from app.query.vocabulary import VOCABULARIES

every_entity = pytest.mark.parametrize("entity", ALL, ids=lambda entity: entity.name)
every_listed_entity = pytest.mark.parametrize("entity", LISTED, ids=lambda entity: entity.name)

WRONG_OF_KIND = {
    "uuid": ["", "1", "x" * 36, f"{NOWHERE}0", "null"],
    "text": ["a\0b"],
    "integer": ["", "x", "1.5", "1e3", "2147483648", "-2147483649", "9" * 5000, "٣", "0x1", "true"],
    "number": ["", "x", "NaN", "Infinity", "-Infinity", "1e400", "1e9999", "9" * 500, "1;5", ".5", "--1"],
    "time": ["", "x", "2026-03-01", "2026-03-01T09:00:00", "2026-02-30T09:00:00Z", "0000-01-01T00:00:00Z",
             "10000-01-01T00:00:00Z", "infinity", "-infinity", "epoch", "now-", "now-5", "now-5y", "now - 5m", "NOW",
             "now-100000000w", "now+999999999w", "now-9999999999s", "1772355600"],
    "flag": ["", "True", "1", "yes", "null"],
    "object": ["", "x", "1", "null", "[]", '"a"', "{", '{"a": NaN}', '{"a": 1e400}', '{"a": "\\u0000"}',
               '{"a": "\\ud800"}', '{"a":' * 200 + "1" + "}" * 200],
}  # fmt: skip


def table_of(entity: Entity) -> str:
    return entity.name.replace("-", "_")


def counted(entity: Entity) -> str:
    """A path that takes every filter of the entity and needs none."""
    return f"/{entity.name}/count"


@every_entity
def test_a_value_of_another_type_is_refused_by_every_filter_of_every_column(client: FlaskClient, entity: Entity):
    known = VOCABULARIES[table_of(entity)]
    for name, parameter in known.own.items():
        field = known.fields.get(parameter.place.column)
        flagged = parameter.operator in ("isnull", "empty", "exists")
        pattern = parameter.operator in ("like", "ilike")
        kind = "flag" if flagged else "text" if pattern or not field else kind_of(getattr(field, "inner", field))
        for text in WRONG_OF_KIND[kind]:
            problem = refusal(client, counted(entity), {name: text})
            assert problem["errors"][0]["pointer"] == f"?{name}", (name, text)
            assert problem["detail"].startswith(name)


@every_entity
def test_names_like_no_other_are_answered_with_all_names_once(client: FlaskClient, entity: Entity):
    path = counted(entity)
    problem = refusal(client, path, "nonsense=1&rubbish=2&created_at__like=now")
    assert len(problem["errors"]) == 3
    assert all(problem["hint"].count(f" {column},") == 1 for column in VOCABULARIES[table_of(entity)].fields)
    assert "The parameters are consistency, or." in problem["hint"]
    assert "created_at has the operators __ne, __in" in problem["hint"]
    assert "hint" not in refusal(client, path, "creatd_at=now")


@every_entity
def test_any_column_and_operator_with_a_letter_too_many_is_told_by_its_right_name(client: FlaskClient, entity: Entity):
    for name, parameter in VOCABULARIES[table_of(entity)].own.items():
        if not parameter.or_null:
            column, _, operator = name.partition("__")
            wrong = f"{column}z" + (f"__{operator}z" if operator else "")
            detail = refusal(client, counted(entity), {wrong: "x"})["detail"]
            assert f"Did you mean {name}? For example {name}=" in detail, wrong
            example = re.search(r"For example (\S+)\.$", detail)[1]
            assert isinstance(ask(client, counted(entity), example)["count"], int)


WORDS_OF_OTHERS = {
    "title__icontains": "title__ilike=*run*", "title__startswith": "title__like=run*", "title__exact": "title=run",
    "title__contain": "title__ilike=*run*", "title__start_with": "title__like=",
    "scheduled_at__befor": "scheduled_at__lt=",
    "createdAt__gte": "created_at__gte=", "user__timezone": "user.timezone=",
    "user__profile__a__lte": "user.profile.a__lte=", "filter[status]": "status=pending",
    "scheduled_at[$gte]": "scheduled_at__gte=", "status__not_in": "status__nin=",
    "goal_id__exists": "goal_id__isnull=false", "class_tags": "class_tags__contains=",
    "class_tags__has": "class_tags__contains=", "duration_minutes__ge": "duration_minutes__gte=30",
    "user.profil.a": "user.profile.a=", "goal.titel": "goal.title=", "goal.user.emial": "goal.user.email=",
    "status__eq": "status=", "order_by": "sort=-created_at", "per_page": "limit=", "offset": "skip=",
    "select": "fields=id,", "include": "expand=user", "tasks": "", "user.profil.a.b.c.d": "",
    "goal.parent_goal.user.emial": "", "title__gte": "", "x" * 101: "",
}  # fmt: skip


@pytest.mark.parametrize(("name", "right"), WORDS_OF_OTHERS.items())
def test_the_words_of_other_frameworks_are_told_by_the_right_ones(client: FlaskClient, name: str, right: str):
    detail = refusal(client, "/tasks", {name: "x"})["detail"]
    example = re.search(r"For example (\S+)\.$", detail)
    assert example[1].startswith(right) if right else not example
    if right:
        assert client.get(f"/api/v1/tasks?{example[1]}").status_code == 200


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("goal.titel=x", "Did you mean goal.title? For example goal.title=run."),
        ("goal.xyz=x", "goal has no column xyz"),
        ("goal.user.emial=x", "goal.user has no column emial"),
        ("goal.parent_goal.user.email=x", "2 references at most"),
        ("goal=x", "Did you mean goal_id?"),
        ("goal.=x", "has no column"),
        ("title.a=x", "title is no object"),
        ("user.profile.a.b.c.d=x", "3 levels"),
        ("notification_log.channel=push", "notification_log__exists"),
        ("tasks__exists=true", "is not a parameter"),
        ("class_tags=Health", "Did you mean class_tags__contains?"),
        ("status__isnull_or_null=true", "cannot be combined with or_null"),
        ("status=finished", "pending, done, missed"),
        ("scheduled_at__in=now", "no relative times"),
        ("sort=titel", "Did you mean title? For example sort=title."),
        ("sort=created_at desc", "For example sort=-created_at."),
        ("sort=created_at:asc", "For example sort=created_at."),
        ("sort=", "no column"),
        ("sort=title:first", "nullsfirst"),
        ("sort=title,-title", "twice"),
        ("sort=goal.title", "no column"),
        ("fields=", "no column"),
        ("fields=titel", "Did you mean title?"),
        ("fields=title(id)", "no column"),
        ("fields=goal()", "no column"),
        ("fields=(", "lacks a )"),
        ("fields=goal(id", "lacks a )"),
        ("expand=gaol", "Did you mean goal? For example expand=goal."),
        ("expand=goal(titel)", "Did you mean title? For example expand=goal(title)."),
        ("expand=goal(user(id),titel)", "Did you mean title?"),
        ("expand=goal(parent_goal(user(id)))", "2 levels deep"),
        ("expand=goal(parent_goal(user(goal(id))))", "too many brackets"),
        ("expand=goal.user", "goal(user)"),
        ("expand=goal(limit:5)", "only a list takes"),
        ("expand=goal(task_counts(id))", "no column of task_counts"),
        ("expand=notification_log(limit:0)", "gives notification_log a limit, which must be"),
        ("expand=notification_log(limit:1001)", "1 to 1000"),
        ("expand=notification_log(sort:sent)", "For example expand=notification_log(sort:sent_at)."),
        ("expand=notification_log(sort:)", "no column"),
        ("expand=notification_log(limit:1,limit:2)", "limit twice"),
        ("expand=notification_log(sort:(channel(id)))", "brackets inside of sort"),
        ("expand=notification_log(skip:1)", "no column"),
        ("fields=goal.title", "goal(title)"),
        ("fields=title.a", "title is no object"),
        ("fields=tilte.a", "Did you mean title?"),
        ("sort=titel desc", "For example sort=title."),
        ("expand=notification_log(limit:1(id))", "no column"),
        ("fields=user(profile.a.b.c.d)", "3 levels"),
        ("expand=", "For example expand=user."),
        ("count=some", "exact, estimated, none"),
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("skip=-1", "whole number"),
        ("skip=2147483648", "2147483647"),
        ("status=done&status=done", "more than once"),
        ("sort=id&sort=id", "names id twice"),
        ("limit=1&limit=1", "more than once"),
        ("status__in=done&status__in=x", "pending, done, missed"),
        ("or=", "lacks a ("),
        ("or=()", "name:value"),
        ("or=(;)", "name:value"),
        ("or=(status)", "name:value"),
        ("or=(status:done", "lacks a )"),
        ("or=(status:done))", "goes on"),
        ("or=(status:(done))", "__in"),
        ('or=(title:"a)', "not closed"),
        ('title__in="a', "not closed"),
        ("or=(staus:done)", "Did you mean status?"),
        ("or=(or:(status:done))", "is not a parameter"),
        ("or=(status:finished)", "pending, done, missed"),
        ("or=(title:a%00b)", "NUL"),
        ("or=(user.profile.a%00b:1)", "NUL"),
        ("user.profile.a%00b=1", "NUL"),
        ("title__like=a%00b", "NUL"),
        ("=x", "is not a parameter"),
        ("__in=x", "is not a parameter"),
        ("a.b.c.d.e.f=x", "is not a parameter"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(client: FlaskClient, query: str, sentence: str):
    assert sentence in refusal(client, "/tasks", query)["detail"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "user_id is required"),
        ("group_by=years", "For example group_by=day."),
        ("group_by=weak", "Did you mean week? For example group_by=week."),
        ("group_by=day&bucket_on=title", "no time column"),
        ("group_by=day&tz=Mars/Olympus", "IANA"),
        ("group_by=day&tz=UTC'--", "IANA"),
        ("tz=UTC&status=done", "group_by"),
        ("group_by=day&skip=5", "is not a parameter"),
        ("group_by=day&timezone=UTC", "For example tz=Asia/Dubai."),
        ("group_by=day&limit=1001", "1 to 1000"),
        ("group_by=day&sort=week", "For example sort=day."),
        ("status=done&sort=status", "group_by"),
        ("status=done&limit=5", "group_by"),
        ("group_by=day&start_date=now-5y", "start_date"),
        ("group_by=day,status&fill=true", "For example group_by=week&fill=true."),
        ("group_by=status&fill=true", "For example group_by=week&fill=true."),
        ("group_by=hour&fill=true", "by day, week or month alone"),
        ("group_by=day&fill=true&sort=-total", "sorted by that"),
        ("status=done&fill=true", "group_by"),
        ("group_by=day&fill=yes", "true or false"),
        ("group_by=day&gapfill=true", "For example fill=true."),
    ],
)
def test_what_is_wrong_with_groups_is_said(client: FlaskClient, query: str, sentence: str):
    assert sentence in refusal(client, "/tasks/statistics", query)["detail"]


def test_a_list_stands_in_no_list(client: FlaskClient):
    problem = refusal(client, "/goals", "expand=children(id,children(id))")
    assert "a list, children, into each row of a list" in problem["detail"]


def test_several_mistakes_are_told_at_once(client: FlaskClient):
    problem = refusal(client, "/tasks", "staus=done&limit=0&sort=x&cursor=%")
    assert {fault["pointer"] for fault in problem["errors"]} == {"?staus", "?limit", "?sort", "?cursor"}


def test_a_plus_that_became_a_space_is_hinted_at_in_any_filter(client: FlaskClient):
    for query in ("created_at=2026-03-01T09:00:00+04:00", "or=(created_at__gt:2026-03-01T09:00:00+04:00)"):
        assert "%2B" in refusal(client, "/tasks", query)["hint"]


# Limits


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"class_tags__contains={number}" for number in range(51)),
        f"or=({';'.join(['status:done'] * 51)})",
        "&".join([f"or=({','.join(['status:done'] * 26)})"] * 2),
    ],
)
def test_fifty_conditions_are_allowed(client: FlaskClient, query: str):
    assert "50 are allowed" in refusal(client, "/tasks", query)["detail"]
    assert ask(client, "/tasks", "&".join(f"class_tags__contains={number}" for number in range(50)))["total"] == 0


@pytest.mark.parametrize("name", ["id__in", "id__nin", "goal.id__in", "title__in", "user.profile.a__in"])
def test_a_thousand_values_are_allowed(client: FlaskClient, name: str):
    task(client)
    assert isinstance(ask(client, "/tasks", {name: ",".join([NOWHERE] * 1000)})["total"], int)
    assert "1000 are allowed" in refusal(client, "/tasks", {name: ",".join([NOWHERE] * 1001)})["detail"]
    assert "1000 are allowed" in refusal(client, "/tasks", {"or": f"({name}:({','.join([NOWHERE] * 1001)}))"})["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "a=1&" * 300,
        "or=(" + "(" * 30_000,
        "or=(" + ";" * 30_000,
        "or=" + '"' * 30_001,
        "or=(title:" + '"a\\' * 20_000,
        "title__in=" + '"a\\' * 20_000,
        "fields=" + "(" * 30_000,
        "expand=" + "goal," * 10_000,
        "sort=" + "-" * 30_000,
        "x" * 30_000 + "=1",
        "user.profile" + ".a" * 10_000 + "=1",
        "title__like=" + "*a" * 400,
        "title__like=" + "a" * 1001,
        "cursor=" + "A" * 30_000,
    ],
)
def test_long_queries_are_refused_without_being_repeated(client: FlaskClient, query: str):
    assert len(refusal(client, "/tasks", query)["detail"]) < 1000


@pytest.mark.parametrize(
    "pattern", ["*a" * 9 + "*b", "*" * 1000, "*a*a*a*a*a*a*a*a*", "\\" * 999, "%" * 1000, "_%" * 500]
)
def test_a_pattern_cannot_keep_the_database_busy(client: FlaskClient, pattern: str):
    owner = user(client)["id"]
    create(client, "tasks", user_id=owner, title="x", description="a" * 500_000)
    database.execute_sql("SET LOCAL statement_timeout = '5s'")
    for operator in ("like", "ilike"):
        assert ask(client, "/tasks", {f"description__{operator}": pattern})["total"] in (0, 1)


# Injection

HOSTILE = [
    "'; DROP TABLE users; --", "' OR '1'='1", '" OR 1=1 --', "1) OR (1=1", "%(p0)s", "%s", "%%", "{place}", "{0}",
    "\\'; --", "$1", "$$", "/*", "*/", "id) FROM users --", "\u202e", "😀", "a\u0301", "\ufffd", "\x7f",
    "\r\nSet-Cookie: a=b",     "../../etc/passwd", "pg_sleep(9)", "t.id", "x.user_id",
]  # fmt: skip
NAMES = [
    "{}", "title__{}", "title{}", "user.{}", "user.profile.{}", "user.profile.{}__in", "user.profile.{}__gt", "{}.id",
    "or{}", "notification_log__{}",
]  # fmt: skip
VALUES = [
    "id", "title", "title__in", "title__like", "title__ilike", "class_tags__contains", "user.profile.a", "or", "sort",
    "user.profile.a__gt", "user.profile.a__contains", "scheduled_at__gte", "duration_minutes", "fields", "expand",
    "limit", "skip", "count", "cursor", "status", "user.email__nin", "goal.plan_json", "notification_log__exists",
]  # fmt: skip
INSIDE = [
    ("or", "(title:{})"), ("or", '(title:"{}")'), ("or", "(title__in:({},a))"), ("or", "({}:1)"),
    ("or", "(user.profile.{}:1)"), ("sort", "-{}"), ("sort", "title:{}"), ("fields", "id,{}"), ("fields", "goal({})"),
    ("expand", "goal({})"), ("expand", "goal,{}"),
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_any_position_is_text_or_refused(client: FlaskClient, hostile: str):
    mine = task(client, title=hostile)["id"]
    queries = [{form.format(hostile) if "{}" in form else form: "1"} for form in NAMES]
    queries += [{name: hostile} for name in VALUES]
    queries += [{name: form.replace("{}", hostile)} for name, form in INSIDE]
    for query in queries:
        answer = client.get("/api/v1/tasks", query_string=query)
        assert answer.status_code in (200, 422), query
        assert "syntax" not in answer.text
        assert "Set-Cookie" not in answer.headers
    assert mine in ids(client, "/tasks")
    task(client, title="other")
    assert ids(client, "/tasks", {"title": hostile}) == {mine}
    quoted = hostile.replace("\\", "\\\\").replace('"', '\\"')
    assert ids(client, "/tasks", {"or": f'(title:"{quoted}")'}) == {mine}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_statistics_is_text_or_refused(client: FlaskClient, hostile: str):
    for name in ("group_by", "bucket_on", "tz", "title", "start_date", "or"):
        query = {"group_by": "day"} | {name: hostile}
        assert client.get("/api/v1/tasks/statistics", query_string=query).status_code in (200, 422), query


@pytest.mark.parametrize("raw", ["title=%", "a=%GG", "title=%EF%BF%BD"])
def test_signs_that_escape_nothing_are_no_failure(client: FlaskClient, raw: str):
    assert client.get(f"/api/v1/tasks?{raw}").status_code in (200, 422)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "raw",
    ["title__ne=caf%E9", "title__ne=caf\xe9", "%FF=1", "title__ne=%FF&limit=1", "or=(title__ne:%FF)", "id__in=%C3,x"],
)
def test_a_query_that_is_not_utf_8_is_refused_and_nothing_is_changed(client: FlaskClient, method: str, raw: str):
    mine = task(client, title="café")
    body = {"title": "changed"} if method == "PATCH" else None
    # A query in the environment has its bytes in the shape of latin-1, as a server hands over what it was sent.
    query = {"QUERY_STRING": f"user_id={mine['user_id']}&{raw}"}
    answer = client.open("/api/v1/tasks", method=method, json=body, environ_overrides=query)
    assert answer.status_code == 422
    assert "UTF-8" in answer.json["detail"]
    assert titles(client, "/tasks") == ["café"]


@pytest.mark.parametrize("path", ["/tasks/%E9", "/caf%E9", "/tasks%FF/count", "/%C3/bulk"])
def test_a_path_that_is_not_utf_8_is_422(client: FlaskClient, path: str):
    answer = client.get(f"/api/v1{path}")
    assert (answer.status_code, answer.json["status"]) == (422, 422)


@pytest.mark.parametrize("listed", ['say "hi",x', 'x,say "hi"', '"hi" he said', '"a""b"', ' "a"', 'a"b"c', '"a" ,b'])
def test_a_quote_in_the_middle_of_a_value_is_refused_with_how_to_quote(client: FlaskClient, listed: str):
    for query in ({"title__in": listed}, {"or": f"(title__in:({listed}))"}, {"or": '(title:say "hi")'}):
        assert 'as in "say \\"hi\\""' in refusal(client, "/tasks", query)["detail"], query
    answer = client.delete("/api/v1/tasks", query_string={"title__nin": listed})
    assert answer.status_code == 422


def test_quotes_around_a_value_are_not_of_it_and_what_is_escaped_in_them_is(client: FlaskClient):
    made = task(client, title='say "hi"')["id"]
    for query in ({"title__in": '"say \\"hi\\"",x'}, {"or": '(title:"say \\"hi\\"")'}, {"title": 'say "hi"'}):
        assert ids(client, "/tasks", query) == {made}
    assert client.delete("/api/v1/tasks", query_string={"title__nin": '"say \\"hi\\"",x'}).json["deleted_count"] == 0


# Cursors


def cursor_of(client: FlaskClient, path: str, query: str) -> str:
    return ask(client, path, query)["next_cursor"]


@pytest.fixture
def two(client: FlaskClient) -> list[str]:
    """Two goals, so that a page of one has a cursor."""
    return [goal(client, title=title, plan_json={"a": 1}, class_tags=["x"])["id"] for title in "ab"]


def test_a_cursor_that_is_cut_or_altered_anywhere_is_refused(client: FlaskClient, two: list[str]):
    query = "sort=title&limit=1"
    cursor = cursor_of(client, "/goals", query)
    for position in range(len(cursor)):
        other = "B" if cursor[position] == "A" else "A"
        altered = cursor[:position] + other + cursor[position + 1 :]
        for wrong in (altered, cursor[:position], f"{cursor[:position]}*{cursor[position:]}"):
            refusal(client, "/goals", {"sort": "title", "limit": "1", "cursor": wrong})
    for wrong in ("", "null", "=", f"{cursor}A", f"A{cursor}", cursor.upper(), "ü", "a\0", " "):
        refusal(client, "/goals", {"sort": "title", "limit": "1", "cursor": wrong})
    assert len(rows(client, "/goals", f"{query}&cursor={cursor}")) == 1


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/goals", ""),
        ("/goals", "sort=-title"),
        ("/goals", "sort=title,id"),
        ("/goals", "sort=title&status=active"),
        ("/goals", "sort=title&or=(status:active)"),
        ("/tasks", "sort=title"),
        ("/goals", "sort=title&skip=1"),
    ],
)
def test_a_cursor_of_another_list_is_refused(client: FlaskClient, two: list[str], path: str, query: str):
    cursor = cursor_of(client, "/goals", "sort=title&limit=1")
    refusal(client, path, f"{query}&limit=1&cursor={cursor}")


def forged(payload: bytes) -> str:
    """A cursor whose check is right."""
    return urlsafe_b64encode(blake2b(payload, digest_size=8).digest() + payload).rstrip(b"=").decode()


def fingerprint(cursor: str) -> str:
    return orjson.loads(urlsafe_b64decode(cursor + "===")[8:])[0]


@pytest.mark.parametrize(
    "payload", [b"", b"1", b"null", b"[]", b"[1]", b"{}", b'"ab"', b"[[],[]]", b"[" * 2000, b"\xff"]
)
def test_a_forged_cursor_of_any_form_is_refused(client: FlaskClient, payload: bytes):
    refusal(client, "/goals", {"cursor": forged(payload)})


POSITIONS: list[tuple[str, list[Any]]] = [
    ("title", [None, None]), ("title", [None, NOWHERE]), ("title", ["a", None]), ("title", [1, NOWHERE]),
    ("title", [["a"], NOWHERE]), ("title", [{"a": 1}, NOWHERE]), ("title", ["a"]), ("title", ["a", NOWHERE, "b"]),
    ("title", [True, NOWHERE]), ("pipeline_order", ["1", NOWHERE]), ("pipeline_order", [1.5, NOWHERE]),
    ("created_at", [1, NOWHERE]), ("class_tags", ["x", NOWHERE]), ("plan_json", ["{}", NOWHERE]),
    ("plan_json", [[], NOWHERE]),
]  # fmt: skip


@pytest.mark.parametrize(("sort", "position"), POSITIONS)
def test_a_forged_cursor_with_values_of_another_type_is_refused(
    client: FlaskClient, two: list[str], sort: str, position: list[Any]
):
    known = fingerprint(cursor_of(client, "/goals", f"sort={sort}&limit=1"))
    cursor = forged(orjson.dumps([known, position]))
    problem = refusal(client, "/goals", {"sort": sort, "limit": 1, "cursor": cursor})
    assert problem["errors"][0]["pointer"] == "?cursor"


@pytest.mark.parametrize(
    ("sort", "position"),
    [
        ("title", ["a", "x"]),
        ("title", ["a\0", NOWHERE]),
        ("title", ["'; DROP TABLE users; --", NOWHERE]),
        ("pipeline_order", [2**40, NOWHERE]),
        ("created_at", ["yesterday'", NOWHERE]),
        ("created_at", ["infinity", NOWHERE]),
        ("class_tags", [[[1], {"a": 2}, None], NOWHERE]),
        ("class_tags", [["a\0"], NOWHERE]),
        ("plan_json", [{"a": "\0"}, NOWHERE]),
    ],
)
def test_a_forged_cursor_with_hostile_values_shows_nothing_that_the_list_would_not(
    committing_client: FlaskClient, sort: str, position: list[Any]
):
    made = {goal(committing_client, title=title, plan_json={"a": 1})["id"] for title in "ab"}
    known = fingerprint(cursor_of(committing_client, "/goals", f"sort={sort}&limit=1"))
    query = {"sort": sort, "limit": 1, "cursor": forged(orjson.dumps([known, position]))}
    answer = committing_client.get("/api/v1/goals", query_string=query)
    assert answer.status_code in (200, 422)
    assert {row["id"] for row in answer.json.get("items", [])} <= made


@pytest.mark.parametrize("depth", [90, 200, 251, 253, 300, 900, 2000])
def test_a_forged_cursor_of_any_depth_is_a_position_or_refused(client: FlaskClient, two: list[str], depth: int):
    known = fingerprint(cursor_of(client, "/goals", "sort=plan_json&limit=1"))
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    for number in (b"", b"123456789012345678901,"):
        payload = b'["%b",[%b%b,"%b"]]' % (known.encode(), number, deep, NOWHERE.encode())
        query = {"sort": "plan_json", "limit": 1, "cursor": forged(payload)}
        assert client.get("/api/v1/goals", query_string=query).status_code in (200, 422)


def test_the_smallest_and_the_largest_integer_are_positions_too(client: FlaskClient):
    owner = user(client)["id"]
    for order in (-(2**31), 2**31 - 1, 0):
        goal(client, user_id=owner, pipeline_order=order)
    for sort, direction in (("pipeline_order", 1), ("-pipeline_order", -1)):
        query, seen = f"sort={sort}&limit=1&fields=pipeline_order", []
        cursor = ""
        while cursor is not None:
            page = ask(client, "/goals", query + cursor)
            seen += [row["pipeline_order"] for row in page["items"]]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        assert seen == [-(2**31), 0, 2**31 - 1][::direction]


def test_a_sort_value_that_fits_in_no_url_is_said_to_be_too_long(client: FlaskClient):
    for turn in "ab":
        task(client, description=turn * 100_000)
    problem = refusal(client, "/tasks", "sort=description&limit=1")
    assert problem["errors"][0]["pointer"] == "?sort"
    assert len(rows(client, "/tasks", "sort=description&limit=2")) == 2
    assert len(rows(client, "/tasks", "sort=title&limit=1")) == 1


# Other ways in


@every_listed_entity
def test_head_answers_as_get_does_without_a_body(client: FlaskClient, entity: Entity):
    client.post(entity.path, json=entity.body(client))
    for headers in ({}, NDJSON):
        answer = client.head(f"{entity.path}?limit=1", headers=headers, buffered=True)
        assert (answer.status_code, answer.data) == (200, b"")
    assert client.head(f"{entity.path}?limit=0").status_code == 422


def test_a_wrong_query_for_a_stream_is_a_problem_like_any_other(client: FlaskClient):
    for query in ("limit=0", "staus=done", "cursor=x", "skip=-1", "count=some", "skip=1&cursor=x"):
        problem = refusal(client, "/tasks", query, headers=NDJSON)
        assert problem["status"] == 422


@every_entity
def test_a_row_takes_no_limit(client: FlaskClient, entity: Entity):
    assert "limit is not a parameter" in refusal(client, f"/{entity.name}/{NOWHERE}", "limit=5")["detail"]
    assert client.get(f"{entity.path}/{NOWHERE}?fields=id").status_code == 404


def test_references_that_are_null_are_null(client: FlaskClient):
    made = task(client)["id"]
    query = f"id={made}&expand=goal,conversation(title)&goal.title__isnull=true&conversation.id__ne={NOWHERE}"
    [row] = rows(client, "/tasks", query)
    assert (row["goal"], row["conversation"]) == (None, None)


def test_a_million_groups_are_a_bounded_answer(committing_client: FlaskClient, settings: Settings):
    owner = user(committing_client)["id"]
    tags = "array(SELECT (n * 1000 + i)::text FROM generate_series(1, 1000) AS i)"
    run_alone(
        settings.database_url,
        f"INSERT INTO tasks (id, user_id, title, class_tags) SELECT gen_random_uuid(), '{owner}', 'x', {tags} "
        "FROM generate_series(0, 1000) AS n",
    )
    answer = ask(committing_client, f"/{TASKS.name}/statistics", f"user_id={owner}&group_by=class_tag")
    assert (len(answer["groups"]), answer["truncated"]) == (1000, True)


def test_groups_that_are_asked_of_a_list_are_said_to_be_elsewhere(client: FlaskClient):
    problem = client.get("/api/v1/tasks?group_by=day").json
    assert "/tasks/statistics?group_by=day" in problem["detail"]
    assert "hint" not in problem
