"""Many callers at once against the real server, two workers of it: what the table holds is what was answered."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psutil
import psycopg2
import pytest
from psycopg2.extensions import connection
from servers import RunningServer, running_server, wait_until_ready
from waiting import wait_until, waiting_for_locks

pytestmark = pytest.mark.server

MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture(scope="module")
def server(server_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("races")
    settings = {"DATABASE_URL": server_database, "AUTH_DISABLED": "true", "WEB_CONCURRENCY": "2"}
    with running_server(folder, **settings) as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    """A client that any number of threads may use at once."""
    limits = httpx.Limits(max_connections=None)
    # Of an idle connection httpx lets one thread make use while another closes it.
    alone = {"Connection": "close"}
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=60, limits=limits, headers=alone) as client:
        yield client


@pytest.fixture
def owner(http: httpx.Client) -> str:
    return made(http, "users", email=f"{uuid4()}@example.com")["id"]


def made(http: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = http.post(f"/{path}", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What the calls return, each made by a thread of its own, all let go together."""
    barrier = threading.Barrier(len(calls))

    def let_go(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(let_go, calls))


def settled(send: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, once it is not the one that asks to try again, as it may on a machine that stands still for long."""
    answer = send()
    while answer.status_code in (409, 503) and answer.json()["retryable"]:
        answer = send()
    return answer


def rows(url: str, sql: str, *values: Any) -> list[tuple]:
    """What the table itself holds."""
    with psycopg2.connect(url) as own, own.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


@contextmanager
def locked(url: str, table: str, id: str) -> Iterator[connection]:
    """A row that somebody else has changed and not yet let go."""
    own = psycopg2.connect(url)
    try:
        with own.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET id = id WHERE id = %s", (id,))
        yield own
    finally:
        own.rollback()
        own.close()


@contextmanager
def long_values_held(url: str, table: str) -> Iterator[None]:
    """A row with a long value cannot be written to the table until this ends."""
    own = psycopg2.connect(url)
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = %s::regclass", (table,))
            cursor.execute(f"REINDEX TABLE {cursor.fetchall()[0][0]}")
        yield
    finally:
        own.rollback()
        own.close()


def test_of_sixteen_that_claim_one_task_one_wins(http: httpx.Client, owner: str, server_database: str):
    task = made(http, "tasks", user_id=owner, title="x")["id"]

    def claim(caller: int) -> Callable[[], httpx.Response]:
        path = f"/tasks/{task}?status=pending&reminder_sent_at__isnull=true"
        return lambda: http.patch(path, json={"reminder_sent_at": "now", "description": str(caller)})

    answers = at_once([claim(caller) for caller in range(16)])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 15}
    [winner] = [answer.json() for answer in answers if answer.status_code == 200]
    assert all(answer.json()["current"] == winner for answer in answers if answer.status_code == 412)
    assert rows(server_database, "SELECT description, version FROM tasks WHERE id = %s", task) == [
        (winner["description"], 2)
    ]


def test_of_sixteen_that_change_one_version_one_wins(http: httpx.Client, owner: str):
    task = made(http, "tasks", user_id=owner, title="x")["id"]
    calls = [lambda: http.patch(f"/tasks/{task}", json={"title": "y"}, headers={"If-Match": '"1"'})] * 16
    answers = at_once(calls)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 15}
    assert {answer.headers["ETag"] for answer in answers} == {'"2"'}


def test_of_sixteen_that_delete_one_row_one_does(http: httpx.Client, owner: str):
    task = made(http, "tasks", user_id=owner, title="x")["id"]
    answers = at_once([lambda: http.delete(f"/tasks/{task}?status=pending")] * 16)
    assert Counter(answer.status_code for answer in answers) == {204: 1, 404: 15}


def test_four_times_fifty_increments_make_two_hundred(http: httpx.Client, owner: str, server_database: str):
    def count_up() -> list[dict[str, Any]]:
        amounts = {"monthly_token_usage": {"openai": 1, "by": {"day": 2}}}
        return [http.post(f"/users/{owner}/increment", json=amounts).json() for _ in range(50)]

    answers = [row for each in at_once([count_up] * 4) for row in each]
    assert sorted(row["version"] for row in answers) == list(range(2, 202))
    assert all(row["monthly_token_usage"]["openai"] == row["version"] - 1 for row in answers)
    assert rows(server_database, "SELECT monthly_token_usage, version FROM users WHERE id = %s", owner) == [
        ({"openai": 200, "by": {"day": 400}}, 201)
    ]


def test_merges_of_different_keys_all_stay(http: httpx.Client, owner: str, server_database: str):
    def merge(number: int) -> Callable[[], httpx.Response]:
        body = {"profile": {f"k{number}": number, "nested": {f"n{number}": number}}}
        return lambda: http.patch(f"/users/{owner}", json=body, headers=MERGE)

    answers = at_once([merge(number) for number in range(16)])
    assert {answer.status_code for answer in answers} == {200}
    expected = {f"k{n}": n for n in range(16)} | {"nested": {f"n{n}": n for n in range(16)}}
    assert rows(server_database, "SELECT profile, version FROM users WHERE id = %s", owner) == [(expected, 17)]


@pytest.mark.parametrize("skip_locked", ["true", "false"])
def test_twenty_claimers_take_each_of_five_hundred_tasks_once(
    http: httpx.Client, owner: str, server_database: str, skip_locked: str
):
    bodies = [{"user_id": owner, "title": str(number), "scheduled_at": f"now-{number}s"} for number in range(500)]
    assert http.post("/tasks/bulk", json=bodies).status_code == 201
    due = f"user_id={owner}&status=pending&reminder_sent_at__isnull=true&scheduled_at__lte=now"
    path = f"/tasks?{due}&sort=scheduled_at&limit=9&skip_locked={skip_locked}&return=rows&fields=id"

    def claim_all(claimer: int) -> Callable[[], list[str]]:
        def work() -> list[str]:
            taken: list[str] = []
            while http.get(f"/tasks/count?{due}").json()["count"]:
                answer = http.patch(path, json={"reminder_sent_at": "now", "description": str(claimer)})
                assert answer.status_code == 200, answer.text
                assert answer.json()["updated_count"] == len(answer.json()["items"])
                taken += [row["id"] for row in answer.json()["items"]]
            return taken

        return work

    ledger = at_once([claim_all(claimer) for claimer in range(20)])
    assert Counter(Counter(each for taken in ledger for each in taken).values()) == {1: 500}
    found = rows(server_database, "SELECT id::text, description::int, version FROM tasks WHERE user_id = %s", owner)
    assert {(each, claimer, 2) for claimer, taken in enumerate(ledger) for each in taken} == set(found)


def test_a_reminder_is_recorded_once_for_each_claimed_task(http: httpx.Client, owner: str, server_database: str):
    bodies = [{"user_id": owner, "title": "x", "scheduled_at": "now-1m"}] * 120
    assert http.post("/tasks/bulk", json=bodies).status_code == 201
    batch = {"operations": [
        {"name": "claimed", "method": "PATCH", "body": {"reminder_sent_at": "now"},
         "path": f"/tasks?user_id={owner}&reminder_sent_at__isnull=true&limit=7&skip_locked=true&return=rows"},
        {"method": "POST", "path": "/dispatch-log/bulk?fields=id,task_id", "skip_if_missing": "claimed.items.0",
         "body": {"$each": "claimed.items", "body": {"task_id": {"$ref": "item.id"}, "channel": "push"}}},
    ]}  # fmt: skip

    def notify() -> list[tuple[str, str]]:
        noted = []
        while "skipped" not in (last := http.post("/batch", json=batch).json()["operations"][1]):
            noted += [(row["id"], row["task_id"]) for row in last["body"]["items"]]
        return noted

    ledger = [each for noted in at_once([notify] * 8) for each in noted]
    sql = "SELECT d.id::text, task_id::text FROM dispatch_log d JOIN tasks t ON t.id = task_id WHERE user_id = %s"
    assert sorted(ledger) == sorted(rows(server_database, sql, owner))
    assert len({task for _, task in ledger}) == len(ledger) == 120


UPSERTED = {
    "users": lambda owner: {"email": f"{uuid4()}@example.com", "profile": {}},
    "goals": lambda owner: {"user_id": owner, "title": "x", "pipeline_order": 1, "plan_json": {}},
    "conversations": lambda owner: {"user_id": owner, "langgraph_thread_id": str(uuid4()), "context_type": "general",
                                    "intent_payload": {}},
    "patterns": lambda owner: {"user_id": owner, "pattern_type": "t", "pattern_key": "k", "data": {}},
    "tasks": lambda owner: {"user_id": owner, "title": "x", "id": str(uuid4())},
}  # fmt: skip


@pytest.mark.parametrize("how", ["merge", "ignore"])
@pytest.mark.parametrize("path", UPSERTED)
def test_parallel_upserts_of_one_key_make_one_row(
    http: httpx.Client, owner: str, server_database: str, path: str, how: str
):
    body = UPSERTED[path](owner)
    [column] = [name for name in body if body[name] == {}] or [None]

    def upsert(number: int) -> Callable[[], httpx.Response]:
        more = {column: {f"k{number}": 1}} if column else {}
        return lambda: http.post(f"/{path}?upsert={how}", json=body | more)

    answers = at_once([upsert(number) for number in range(16)])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 15}
    [one] = {answer.json()["id"] for answer in answers}
    merged = how == "merge"
    [(version, document)] = rows(
        server_database, f"SELECT version, to_jsonb({column or 'NULL::text'}) FROM {path} WHERE id = %s", one
    )
    assert version == (16 if merged else 1)
    assert {answer.json()["version"] for answer in answers} == (set(range(1, 17)) if merged else {1})
    if column:
        assert len(document) == version


@pytest.mark.direct("All eight must have a connection to the database at once.")
@pytest.mark.parametrize("how", ["merge", "ignore"])
@pytest.mark.parametrize("path", ["users", "users/bulk"])
def test_parallel_upserts_of_one_id_that_share_another_unique_value_make_one_row(
    http: httpx.Client, server_database: str, path: str, how: str
):
    person = str(uuid4())
    body = {"id": person, "email": f"{person}@example.com", "profile": {"long": os.urandom(10_000).hex()}}

    def upsert() -> int:
        return http.post(f"/{path}?upsert={how}", json=[body] if path.endswith("bulk") else body).status_code

    with ThreadPoolExecutor(8) as pool:
        with long_values_held(server_database, "users"):
            answers = [pool.submit(upsert) for _ in range(8)]
            # By now each has looked for the id, and none has written the row.
            wait_until(lambda: waiting_for_locks(server_database) == 8)
        assert Counter(answer.result() for answer in answers) == {201: 1, 200: 7}
    versions = rows(server_database, "SELECT version FROM users WHERE email = %s", body["email"])
    assert versions == [(8 if how == "merge" else 1,)]


@pytest.mark.parametrize("mixed", [False, True], ids=["one form", "mixed forms"])
def test_bulk_upserts_of_the_same_keys_in_any_order_all_succeed(
    http: httpx.Client, owner: str, server_database: str, mixed: bool
):
    chance = random.Random(7)

    def upsert() -> Callable[[], list[httpx.Response]]:
        bodies = []
        for number in chance.sample(range(40), 40):
            body = {"user_id": owner, "pattern_type": "t", "pattern_key": f"k{number}", "confidence": 0.5}
            bodies.append(body | ({"description": "d"} if mixed and chance.random() < 0.5 else {}))
        return lambda: [settled(lambda: http.post("/patterns/bulk?upsert=merge", json=bodies)) for _ in range(3)]

    answers = [answer for each in at_once([upsert() for _ in range(8)]) for answer in each]
    assert {answer.status_code for answer in answers} <= {200, 201}, [answer.text[:200] for answer in answers]
    assert sum(answer.json()["created_count"] for answer in answers) == 40
    assert sum(answer.json()["updated_count"] for answer in answers) == 40 * (len(answers) - 1)
    versions = rows(server_database, "SELECT version FROM patterns WHERE user_id = %s", owner)
    assert versions == [(len(answers),)] * 40


def test_upserts_of_a_row_that_is_deleted_all_the_while_never_fail(http: httpx.Client, owner: str):
    path = f"/patterns?user_id={owner}"
    body = {"user_id": owner, "pattern_type": "t", "pattern_key": "k"}

    def upsert() -> list[httpx.Response]:
        return [http.post("/patterns?upsert=ignore", json=body) for _ in range(30)]

    def delete() -> list[httpx.Response]:
        return [http.delete(path) for _ in range(60)]

    *upserts, deletions = at_once([upsert, upsert, upsert, delete])
    statuses = Counter(answer.status_code for each in upserts for answer in each)
    assert set(statuses) <= {200, 201}, statuses
    left = http.get(f"/patterns/count?user_id={owner}").json()["count"]
    assert statuses[201] == sum(answer.json()["deleted_count"] for answer in deletions) + left


def test_a_change_of_a_row_that_is_being_made_finds_it_or_finds_none(http: httpx.Client, owner: str):
    for _ in range(60):
        own = str(uuid4())
        made_now = {"id": own, "user_id": owner, "title": "x"}
        calls = [lambda body=made_now: http.post("/tasks", json=body)]
        calls += [lambda path=f"/tasks/{own}": http.patch(path, json={"title": "y"})] * 5
        creation, *changes = at_once(calls)
        assert creation.status_code == 201
        assert {answer.status_code for answer in changes} <= {200, 404}, [answer.text for answer in changes]


def test_of_ten_repeats_with_one_key_one_writes_and_all_get_its_answer(
    http: httpx.Client, owner: str, server_database: str
):
    headers, body = {"Idempotency-Key": str(uuid4())}, {"user_id": owner, "title": "x"}
    answers = at_once([lambda: settled(lambda: http.post("/goals", json=body, headers=headers))] * 10)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 9}
    found = rows(server_database, "SELECT id::text FROM goals WHERE user_id = %s", owner)
    assert found == [(answers[0].json()["id"],)]


def test_of_ten_repeats_of_a_batch_one_writes(http: httpx.Client, owner: str, server_database: str):
    headers = {"Idempotency-Key": str(uuid4())}
    batch = {"operations": [
        {"name": "goal", "method": "POST", "path": "/goals", "body": {"user_id": owner, "title": "x"}},
        {"method": "POST", "path": "/tasks/bulk",
         "body": [{"user_id": owner, "goal_id": {"$ref": "goal.id"}, "title": "y"}] * 20},
        {"method": "POST", "path": f"/users/{owner}/increment", "body": {"monthly_token_usage": {"total": 1}}},
    ]}  # fmt: skip
    answers = at_once([lambda: settled(lambda: http.post("/batch", json=batch, headers=headers))] * 10)
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    sql = """SELECT (SELECT count(*) FROM goals WHERE user_id = u.id),
        (SELECT count(*) FROM tasks WHERE user_id = u.id), monthly_token_usage, version FROM users AS u WHERE id = %s"""
    assert rows(server_database, sql, owner) == [(1, 20, {"total": 1}, 2)]


def test_while_the_first_is_at_work_a_repeat_is_asked_to_wait(http: httpx.Client, owner: str, server_database: str):
    headers = {"Idempotency-Key": str(uuid4())}

    def change() -> httpx.Response:
        return http.post(f"/users/{owner}/increment", json={"profile": {"n": 1}}, headers=headers)

    with ThreadPoolExecutor(1) as pool:
        with locked(server_database, "users", owner):
            first = pool.submit(change)
            wait_until(lambda: waiting_for_locks(server_database) == 1)
            repeat = change()
            assert (repeat.status_code, repeat.json()["code"]) == (409, "urn:flux:problem:in-progress")
            assert (repeat.json()["retryable"], repeat.headers["Retry-After"]) == (True, "1")
        assert first.result().status_code == 200
    again = change()
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.result().content, "true")
    assert rows(server_database, "SELECT profile FROM users WHERE id = %s", owner) == [({"n": 1},)]


def deadlocks(url: str) -> int:
    return rows(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]


def test_overlapping_bulk_writes_in_any_order_never_deadlock(http: httpx.Client, owner: str, server_database: str):
    bodies = [{"id": str(uuid4()), "user_id": owner, "title": str(number)} for number in range(150)]
    assert http.post("/tasks/bulk", json=bodies).status_code == 201
    ids = [body["id"] for body in bodies]
    chance, before = random.Random(7), deadlocks(server_database)

    def write(caller: int) -> Callable[[], int]:
        work = []
        for _ in range(6):
            some = chance.sample(ids, 100)
            work.append([
                lambda some=some: http.patch(f"/tasks?id__in={','.join(some)}", json={"description": "a"}),
                lambda some=some: http.patch(f"/tasks?user_id={owner}", json={"description": "b"}, headers=MERGE),
                lambda some=some: http.post("/tasks/bulk-update-state", json={"task_ids": some, "new_status": "done"}),
                lambda some=some: http.post("/tasks/bulk?upsert=merge&fields=id",
                                            json=[{"id": each, "user_id": owner, "title": "t"} for each in some]),
            ][caller % 4])  # fmt: skip

        def run() -> int:
            answers = [settled(each) for each in work]
            assert {answer.status_code for answer in answers} == {200}, [answer.text[:300] for answer in answers]
            return sum(answer.json()["updated_count"] for answer in answers)

        return run

    ledger = sum(at_once([write(caller) for caller in range(8)]))
    assert rows(server_database, "SELECT sum(version - 1) FROM tasks WHERE user_id = %s", owner) == [(ledger,)]
    time.sleep(1.5)  # PostgreSQL tells its statistics once a second.
    assert deadlocks(server_database) == before


def test_bulk_writes_that_sort_against_each_other_are_settled(http: httpx.Client, owner: str, server_database: str):
    bodies = [{"user_id": owner, "title": f"{number:03}"} for number in range(150)]
    assert http.post("/tasks/bulk", json=bodies).status_code == 201

    def write(sort: str) -> Callable[[], int]:
        path = f"/tasks?user_id={owner}&sort={sort}&limit=150"

        def run() -> int:
            answers = [settled(lambda: http.patch(path, json={"description": sort})) for _ in range(5)]
            assert {answer.status_code for answer in answers} == {200}, [answer.text[:300] for answer in answers]
            return sum(answer.json()["updated_count"] for answer in answers)

        return run

    ledger = sum(at_once([write(sort) for sort in ("title", "-title") * 2]))
    assert rows(server_database, "SELECT sum(version - 1) FROM tasks WHERE user_id = %s", owner) == [(ledger,)]


def test_batches_whose_last_operation_fails_leave_nothing(http: httpx.Client, owner: str, server_database: str):
    def batch(number: int) -> Callable[[], httpx.Response]:
        last = {"method": "GET", "path": "/tasks"} if number % 2 else {"method": "GET", "path": f"/tasks/{uuid4()}"}
        operations = [
            {"name": "goal", "method": "POST", "path": "/goals", "body": {"user_id": owner, "title": str(number)}},
            {"method": "POST", "path": "/tasks/bulk",
             "body": [{"user_id": owner, "goal_id": {"$ref": "goal.id"}, "title": str(number)}] * 10},
            {"method": "POST", "path": f"/users/{owner}/increment", "body": {"monthly_token_usage": {"total": 1}}},
            last,
        ]  # fmt: skip
        return lambda: http.post("/batch", json={"operations": operations})

    answers = at_once([batch(number) for number in range(12)])
    assert Counter(answer.status_code for answer in answers) == {200: 6, 404: 6}
    assert {answer.json()["operation"]["index"] for answer in answers if answer.status_code == 404} == {3}
    kept = sorted(str(number) for number in range(1, 12, 2))
    assert sorted(rows(server_database, "SELECT title FROM goals WHERE user_id = %s", owner)) == [(n,) for n in kept]
    found = rows(server_database, "SELECT title, count(*) FROM tasks WHERE user_id = %s GROUP BY 1", owner)
    assert sorted(found) == [(n, 10) for n in kept]
    assert rows(server_database, "SELECT monthly_token_usage FROM users WHERE id = %s", owner) == [({"total": 6},)]


def test_a_worker_that_is_killed_in_the_middle_of_a_batch_leaves_nothing(
    server: RunningServer, http: httpx.Client, owner: str, server_database: str
):
    last, headers = made(http, "tasks", user_id=owner, title="last")["id"], {"Idempotency-Key": str(uuid4())}
    batch = {"operations": [
        {"method": "POST", "path": "/goals", "body": {"user_id": owner, "title": "x"}},
        {"method": "POST", "path": "/tasks/bulk", "body": [{"user_id": owner, "title": "x"}] * 100},
        {"method": "PATCH", "path": f"/tasks/{last}", "body": {"title": "changed"}},
    ]}  # fmt: skip
    with ThreadPoolExecutor(1) as pool, locked(server_database, "tasks", last):
        running = pool.submit(http.post, "/batch", json=batch, headers=headers)
        wait_until(lambda: waiting_for_locks(server_database) == 1)
        for worker in psutil.Process(server.process.pid).children():
            os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            running.result()
    wait_until_ready(server)
    wait_until(lambda: not rows(server_database, "SELECT FROM pg_stat_activity WHERE query LIKE '%%''changed''%%' "
                                               "AND pid <> pg_backend_pid() AND state <> 'idle'"))  # fmt: skip
    assert rows(server_database, "SELECT title, version FROM tasks WHERE user_id = %s", owner) == [("last", 1)]
    assert rows(server_database, "SELECT FROM goals WHERE user_id = %s", owner) == []
    repeat = http.post("/batch", json=batch, headers=headers)
    assert (repeat.status_code, repeat.headers.get("Idempotent-Replayed")) == (200, None)
    assert rows(server_database, "SELECT count(*) FROM tasks WHERE user_id = %s", owner) == [(101,)]
