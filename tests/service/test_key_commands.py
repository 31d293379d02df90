"""`flask keys`, as an operator types it; and what a running service makes of it."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg2
import pytest
from conftest import flask, run_alone, temporary_database
from flask import Flask
from waiting import wait_until, waiting_for_locks

from app import create_app
from app.auth.key_cache import KeyCache
from app.auth.keys import digest, is_mistyped, new_key
from app.config import Settings
from app.database import atomic, configure, database
from app.development.embedded import EmbeddedServer
from app.errors import Busy
from app.repositories import keys

pytestmark = pytest.mark.commands

USERS = "/api/v1/users"
LAST_USED = "SELECT last_used_at FROM api_keys"


@pytest.fixture(scope="module")
def migrated(postgres: EmbeddedServer) -> Iterator[str]:
    with temporary_database(postgres, "keyed") as url:
        assert flask("db", "upgrade", DATABASE_URL=url).returncode == 0
        yield url


def ask(url: str, *arguments: str) -> dict:
    """What a command prints with --json."""
    done = flask("keys", *arguments, "--json", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def listed(url: str, name: str) -> list[dict]:
    return [key for key in ask(url, "list") if key["name"] == name]


def test_a_key_that_nothing_asks_for_is_made_and_said_to_be_so(migrated: str):
    for settings, said in (({"AUTH_DISABLED": "true"}, True), ({"DATABASE_KEYS": "true"}, False)):
        done = flask("keys", "create", f"k{said}", "--scope", "read", DATABASE_URL=migrated, **settings)
        assert ("Nothing asks for keys: the service is open." in done.stderr) == said


def test_a_new_key_is_shown_once_and_only_its_digest_is_kept(migrated: str):
    arguments = ("create", "planner", "--scope", "read", "--scope", "tasks:write", "--expires", "90d")
    done = flask("keys", *arguments, DATABASE_URL=migrated)
    assert done.returncode == 0, done.stderr
    key = done.stdout.strip()
    assert not is_mistyped(key)
    assert "The key of planner, shown this once. It may read, tasks:write and ends " in done.stderr
    [(kept,)] = run_alone(migrated, "SELECT digest FROM api_keys WHERE name = 'planner'")
    assert bytes(kept) == digest(key)
    [told] = listed(migrated, "planner")
    assert told["sha256"] == digest(key).hex()[:8]
    lasts = datetime.fromisoformat(told["expires_at"]) - datetime.fromisoformat(told["created_at"])
    assert (lasts, told["state"], told["last_used_at"]) == (timedelta(days=90), "active", None)
    assert key not in flask("keys", "list", DATABASE_URL=migrated).stdout


def test_rotating_gives_a_new_key_and_an_end_to_the_old_one(migrated: str):
    first = ask(migrated, "create", "scheduler", "--scope", "tasks:read", "--expires", "30d")
    second = ask(migrated, "rotate", "scheduler", "--overlap", "24h")
    assert second["key"] != first["key"]
    assert second["scopes"] == ["tasks:read"]
    new, old = listed(migrated, "scheduler")
    assert (new["state"], old["state"]) == ("active", "replaced")
    assert old["expires_at"] == second["old_expires_at"]
    replaced, ends = (datetime.fromisoformat(old[each]) for each in ("replaced_at", "expires_at"))
    assert ends - replaced == timedelta(hours=24)
    assert datetime.fromisoformat(new["expires_at"]) - datetime.fromisoformat(new["created_at"]) == timedelta(days=30)


def test_an_overlap_never_makes_a_key_last_longer_and_may_be_none(migrated: str):
    made = ask(migrated, "create", "short", "--scope", "read", "--expires", "1h")
    assert ask(migrated, "rotate", "short", "--overlap", "24h")["old_expires_at"] == made["expires_at"]
    ask(migrated, "rotate", "short", "--overlap", "0s")
    assert [key["state"] for key in listed(migrated, "short")] == ["active", "expired", "replaced"]


def test_revoking_ends_every_key_of_a_name_and_frees_the_name(migrated: str):
    ask(migrated, "create", "observer", "--scope", "read")
    ask(migrated, "rotate", "observer")
    revoked = {"name": "observer", "revoked": 2, "dry_run": False}
    assert ask(migrated, "revoke", "observer", "--dry-run") == revoked | {"dry_run": True}
    assert {key["state"] for key in listed(migrated, "observer")} == {"active", "replaced"}
    assert ask(migrated, "revoke", "observer") == revoked
    assert {key["state"] for key in listed(migrated, "observer")} == {"revoked"}
    assert ask(migrated, "create", "observer", "--scope", "read")["expires_at"] is None


def test_what_is_tried_out_makes_no_key_and_shows_none(migrated: str):
    create = ("create", "tried", "--scope", "read", "--expires", "1h")
    would = ask(migrated, *create, "--dry-run")
    assert (would["key"], would["scopes"], would["dry_run"]) == (None, ["read"], True)
    assert listed(migrated, "tried") == []
    done = flask("keys", *create, "--dry-run", DATABASE_URL=migrated)
    assert (done.stdout, "A key of tried would be made. It may read and ends " in done.stderr) == ("", True)
    ask(migrated, *create)
    assert ask(migrated, "rotate", "tried", "--dry-run")["old_expires_at"] is not None
    assert [key["state"] for key in listed(migrated, "tried")] == ["active"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", "taken", "--scope", "read"), "There is a key named taken already."),
        (("rotate", "nobody"), "There is no key named nobody"),
        (("revoke", "nobody"), "There is no key named nobody"),
        (("create", "x", "--scope", "tusks:read"), "'tusks:read' is not one of 'read', 'write', 'admin'"),
        (("create", "x"), "Missing option '--scope'"),
        (("create", "a b", "--scope", "read"), "A name is 1 to 100 letters"),
        (("create", "x", "--scope", "read", "--expires", "soon"), "soon is no length of time"),
        (("create", "x", "--scope", "read", "--expires", "999999999w"), "longer than 0 and up to 100 years"),
        (("create", "x", "--scope", "read", "--expires", "0d"), "longer than 0 and up to 100 years"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(migrated: str, arguments: tuple[str, ...], sentence: str):
    if "taken" in arguments:
        ask(migrated, *arguments)
    done = flask("keys", *arguments, DATABASE_URL=migrated)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def key(app: Flask, settings: Settings) -> Iterator[str]:
    """A key that may read, committed, on the suite's database."""
    made = new_key()
    keys.create("planner", digest(made), ["read"], None)
    yield made
    database.release()
    configure(settings)
    database.execute_sql("TRUNCATE api_keys")
    database.release()


def while_rotating(settings: Settings, work: Callable[[], Any]) -> Any:
    """What the work gives that comes to the key while another session's rotation of it is not yet committed."""

    def in_a_session_of_its_own() -> Any:
        try:
            return work()
        finally:
            database.release()

    with ThreadPoolExecutor(1) as other:
        with atomic():
            keys.rotate("planner", digest(new_key()), timedelta(hours=1))
            done = other.submit(in_a_session_of_its_own)
            wait_until(lambda: waiting_for_locks(settings.database_url) == 1)
        return done.result()


def test_revoking_ends_the_key_too_that_a_rotation_makes_in_this_moment(settings: Settings, key: str):
    assert while_rotating(settings, lambda: keys.revoke("planner")) == 2
    assert {row["state"] for row in json.loads(keys.list_all().json)} == {"revoked"}


def test_of_two_rotations_at_once_the_second_replaces_the_key_of_the_first(settings: Settings, key: str):
    while_rotating(settings, lambda: keys.rotate("planner", digest(new_key()), timedelta(hours=1)))
    assert [row["state"] for row in json.loads(keys.list_all().json)] == ["active", "replaced", "replaced"]


def test_the_use_of_a_key_is_written_down_at_most_once_a_minute(settings: Settings, key: str):
    client = create_app(replace(settings, auth_disabled=False, database_keys=True)).test_client()
    headers = {"X-Flux-Service-Key": key}
    assert client.get(USERS, headers=headers).status_code == 200
    deadline = time.monotonic() + 10
    while run_alone(settings.database_url, LAST_USED) == [(None,)] and time.monotonic() < deadline:
        time.sleep(0.05)
    [(first,)] = run_alone(settings.database_url, LAST_USED)
    assert first is not None
    # Another worker sees the key for the first time.
    keys.record_use(keys.find_active(digest(key)).id)
    assert run_alone(settings.database_url, LAST_USED) == [(first,)]
    run_alone(
        settings.database_url, "UPDATE api_keys SET last_used_at = last_used_at - interval '2 minutes' RETURNING 1"
    )
    keys.record_use(keys.find_active(digest(key)).id)
    assert run_alone(settings.database_url, LAST_USED)[0][0] >= first


def test_a_key_of_the_settings_is_not_mistaken_for_one_of_the_table(migrated: str):
    listed = {"DATABASE_URL": migrated, "SERVICE_API_KEYS": '{"root": "opensesame"}'}
    refused = flask("keys", "create", "root", "--scope", "read", **listed)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "SERVICE_API_KEYS has a key named root. Choose another name" in refused.stderr
    refused = flask("keys", "revoke", "root", **listed)
    assert refused.returncode == 1
    assert "The key named root stands in SERVICE_API_KEYS. Take it out there" in refused.stderr


def test_who_waits_in_vain_to_be_looked_up_is_told_so_in_time(settings: Settings):
    known, url = KeyCache(wait=1), settings.database_url

    def find() -> None:
        assert known.find(digest(new_key())) is None
        database.release()

    def find_in_vain() -> float:
        began = time.monotonic()
        with pytest.raises(Busy, match="for more than 1 s"):
            known.find(digest(new_key()))
        return time.monotonic() - began

    holder = psycopg2.connect(url)
    holder.cursor().execute("LOCK TABLE api_keys")
    with ThreadPoolExecutor(4) as asking:
        first = asking.submit(find)
        wait_until(lambda: waiting_for_locks(url) > 0)
        late = [asking.submit(find_in_vain) for _ in range(3)]
        assert all(each.result() >= 1 for each in late)
        assert not first.done(), "none of them had to wait for it"
        holder.close()
        first.result()


def test_a_flood_of_unknown_keys_holds_one_connection(settings: Settings, key: str):
    known, url = KeyCache(wait=5), settings.database_url

    def look_up() -> None:
        assert known.find(digest(new_key())) is None
        database.release()

    holder = psycopg2.connect(url)
    holder.cursor().execute("LOCK TABLE api_keys")
    with ThreadPoolExecutor(4) as flood:
        done = [flood.submit(look_up) for _ in range(4)]
        wait_until(lambda: waiting_for_locks(url) > 0)
        time.sleep(0.5)
        seen = waiting_for_locks(url)
        holder.close()
        assert [each.result() for each in done] == [None] * 4
    assert seen == 1


def test_a_key_ends_in_time_although_the_database_was_slow_to_answer(settings: Settings, key: str):
    known, short = KeyCache(wait=5), digest(new_key())

    def is_living() -> bool:
        found = known.find(short)
        database.release()
        return found is not None

    keys.create("short", short, ["read"], timedelta(seconds=8))
    ends = time.monotonic() + 8
    holder = psycopg2.connect(settings.database_url)
    holder.cursor().execute("LOCK TABLE api_keys")
    with ThreadPoolExecutor(1) as asking:
        living = asking.submit(is_living)
        time.sleep(1.5)
        holder.close()
        assert living.result()
    time.sleep(max(0.0, ends + 0.2 - time.monotonic()))
    assert not is_living()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_the_database_a_key_of_the_table_is_503_and_a_mistyped_one_401(
    settings: Settings, key: str, method: str
):
    away = replace(settings, auth_disabled=False, database_keys=True, database_url="postgresql://127.0.0.1:1/x")
    client = create_app(away).test_client()
    answer = client.open(USERS, method=method, headers={"X-Flux-Service-Key": key})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.get(USERS, headers={"X-Flux-Service-Key": f"{key}x"}).status_code == 401


def test_without_the_table_the_answer_says_what_to_do(postgres: EmbeddedServer, settings: Settings, key: str):
    with temporary_database(postgres, "tableless") as url:
        bare = replace(settings, auth_disabled=False, database_keys=True, database_url=url)
        answer = create_app(bare).test_client().get(USERS, headers={"X-Flux-Service-Key": key})
        assert answer.status_code == 503
        assert "flask db upgrade" in answer.json["detail"]
        database.release()
        database.close_idle()
