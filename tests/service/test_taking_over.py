"""The database of an older Flux program, taken over in place: nothing is lost, and that program goes on working."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
from asking import ask
from conftest import flask, run_alone, temporary_database, url_with
from existing import GENERATIONS, OWNER, TABLES, Generation, lost, make_project, run_as, sign_up, snapshot
from existing.old_programs import OLD_INSERTS, OLD_INSERTS_OF_NULLS, OLD_UPDATES
from flask.testing import FlaskClient
from servers import command_environment

from app import create_app, models
from app.config import PROJECT, Settings
from app.database import configure, database, migrations
from app.development.embedded import EmbeddedServer

pytestmark = [pytest.mark.commands, pytest.mark.direct("An upgrade goes to the database itself.")]

ADA = "10000000-0000-4000-8000-000000000001"
CONVERSATION = "40000000-0000-4000-8000-000000000001"
A_MESSAGE = f"INSERT INTO messages (conversation_id, role, content) VALUES ('{CONVERSATION}', 'user', 'from nobody')"
# All that a schema is made of, as PostgreSQL writes it.
SCHEMA = """
SELECT 'column', c.relname::text, a.attname::text, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm')
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL SELECT 'index', tablename::text, indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname::text, pg_get_triggerdef(oid) || tgenabled::text
    FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', '', oid::regprocedure::text, md5(prosrc || coalesce(proconfig::text, ''))
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'row security', '', relname::text, relrowsecurity::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
UNION ALL SELECT 'policy', tablename::text, policyname::text, concat_ws(' ', roles::text, cmd, qual, with_check)
    FROM pg_policies WHERE schemaname = 'public'
UNION ALL SELECT 'options', '', relname::text, reloptions::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


def schema(url: str) -> set[tuple]:
    return set(run_alone(url, SCHEMA))


@contextmanager
def project(server: EmbeddedServer, generation: Generation, rows: str = "none") -> Iterator[str]:
    """The URL of a project for its owner, who is no superuser."""
    with temporary_database(server, f"taken_{generation}_{rows}") as url:
        make_project(url, generation, rows, OWNER)
        yield url_with(url, user=OWNER)


def upgraded(url: str, *options: str) -> str:
    done = flask("db", "upgrade", *options, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@contextmanager
def service(url: str, settings: Settings) -> Iterator[FlaskClient]:
    """A client of the service on this database."""
    try:
        yield create_app(Settings(database_url=url, auth_disabled=True)).test_client()
    finally:
        database.release()
        configure(settings)


@pytest.fixture(params=GENERATIONS)
def generation(request: pytest.FixtureRequest) -> Generation:
    return request.param


@pytest.fixture
def existing(postgres: EmbeddedServer, generation: Generation) -> Iterator[str]:
    """A project without rows."""
    with project(postgres, generation) as url:
        yield url


@pytest.fixture
def clean(postgres: EmbeddedServer, generation: Generation) -> Iterator[str]:
    """A project whose rows keep every rule."""
    with project(postgres, generation, "clean") as url:
        yield url


@pytest.fixture
def clean_b(postgres: EmbeddedServer) -> Iterator[str]:
    """A project of generation B whose rows keep every rule, where both would show the same."""
    with project(postgres, "b", "clean") as url:
        yield url


@pytest.fixture
def broken(postgres: EmbeddedServer, generation: Generation) -> Iterator[str]:
    """A project with rows that break every rule."""
    with project(postgres, generation, "broken") as url:
        yield url


def test_status_says_which_database_it_is(existing: str, generation: Generation):
    before = flask("db", "status", DATABASE_URL=existing)
    assert (before.returncode, f"generation {generation.upper()}" in before.stdout) == (1, True)
    upgraded(existing)
    after = flask("db", "status", DATABASE_URL=existing)
    assert after.returncode == 0
    assert f"taken over from an older program's of generation {generation.upper()}" in after.stdout


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("CREATE TABLE users (id uuid PRIMARY KEY, name text)", "users has no column email"),
        ("CREATE TABLE users (id integer, email text)", "users has no column created_at"),
        ("CREATE VIEW tasks AS SELECT 1 AS id", "no table users"),
        ("CREATE TABLE api_keys (token text)", "no table users"),
        ("CREATE TABLE schema_migration (id integer)", "no table users"),
    ],
)
def test_another_programs_tables_are_told_and_left_alone(postgres: EmbeddedServer, statement: str, difference: str):
    with temporary_database(postgres, "foreign") as url:
        run_alone(url, statement)
        before = schema(url)
        for command in (["upgrade"], ["upgrade", "--dry-run"]):
            done = flask("db", *command, DATABASE_URL=url)
            assert done.returncode == 1
            assert "A database of another program" in done.stderr
            assert difference in done.stderr
        assert flask("db", "status", DATABASE_URL=url).stdout.startswith("A database of another program")
        assert schema(url) == before


def test_other_tables_beside_ours_are_in_nobodys_way(postgres: EmbeddedServer):
    with temporary_database(postgres, "shared") as url:
        run_alone(url, "CREATE TABLE invoices (id integer)")
        assert "Applied 0001_initial." in upgraded(url)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("CREATE TABLE api_keys (id integer)", "The table api_keys is another program's, as it has no created_at"),
        (
            "CREATE TABLE api_keys (id uuid, token text)",
            "The table api_keys is another program's, as it has no created_at",
        ),
        ("ALTER TABLE tasks ADD COLUMN tenant text NOT NULL", "tasks.tenant is no column of the service"),
        (
            "CREATE TRIGGER tasks_touch BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION"
            " suppress_redundant_updates_trigger()",
            "tasks has a trigger tasks_touch that is not ours",
        ),
        ("ALTER TABLE tasks ADD COLUMN version text", "tasks.version is text, and must be integer"),
        ("ALTER TABLE users ALTER profile TYPE json", "users.profile is json, and must be jsonb"),
        ("CREATE FUNCTION touch_row() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function touch_row() that is not ours"),
        ("CREATE FUNCTION tasks_defaults() RETURNS int LANGUAGE sql AS 'SELECT 1'", "a function tasks_defaults() that"),
        ("CREATE INDEX tasks_newest ON tasks (title)", "tasks_newest is there, and is not ours"),
        ("CREATE INDEX tasks_newest ON goals (title)", "tasks_newest is there, and is not ours"),
        ("CREATE VIEW mended_rows AS SELECT 1 AS id", "mended_rows is there, and is not ours"),
    ],
)
def test_what_is_in_the_way_is_told_and_left_alone(existing: str, statement: str, sentence: str):
    run_alone(existing, statement)
    before = schema(existing)
    for command in (["upgrade", "--dry-run"], ["upgrade"]):
        done = flask("db", *command, DATABASE_URL=existing)
        assert (done.returncode, sentence in done.stderr) == (1, True), done.stderr
    assert schema(existing) == before


@pytest.mark.parametrize(
    "statement",
    [
        """CREATE TRIGGER "My Trigger" BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION own()""",
        'ALTER TABLE goals ADD "order" int',
        'ALTER TABLE patterns ADD "sortKey" int',
        'CREATE INDEX "Dup of it" ON tasks (goal_id)',
        'ALTER TABLE tasks RENAME CONSTRAINT tasks_goal_id_fkey TO "FK_goal"',
        "ALTER TABLE tasks ADD CONSTRAINT title_not_blank CHECK (btrim(title) <> '')",
        "ALTER TABLE tasks ADD CHECK (current_setting('x.y', true) IS DISTINCT FROM '1')",
        "ALTER TABLE tasks ADD seq bigint GENERATED ALWAYS AS IDENTITY",
        "CREATE VIEW own_view AS SELECT * FROM tasks",
        "CREATE UNIQUE INDEX own_rule ON patterns (user_id, pattern_type, description)",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = auth, public', current_database()); END $$",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET quote_all_identifiers = on', current_database()); END $$",
    ],
)
def test_what_a_team_has_of_its_own_stays(clean_b: str, statement: str):
    run_alone(
        clean_b, "CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$", statement
    )
    before, rows = schema(clean_b), snapshot(clean_b)
    upgraded(clean_b)
    assert lost(rows, snapshot(clean_b)) == []
    assert "A database of this service" in flask("db", "status", DATABASE_URL=clean_b).stdout
    if "title_not_blank" in statement:
        assert "title_not_blank" in {name for _, _, name, _ in schema(clean_b)}
    assert flask("db", "downgrade", "--yes", DATABASE_URL=clean_b).returncode == 0
    assert schema(clean_b) == before


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(broken: str, generation: Generation):
    before, rows = schema(broken), snapshot(broken)
    told = flask("db", "upgrade", "--dry-run", DATABASE_URL=broken)
    assert told.returncode == 0, told.stderr
    for line in (
        "mended_rows: makes the table", "tasks: adds version", "tasks: fills", "users: makes index users_newest",
        "tasks: renames index idx_tasks_goal_id to tasks_by_goal", "tasks: keeps index idx_tasks_status",
        "conversations: replaces conversations_context_type_check", "goals: replaces goals_parent_goal_id_fkey",
        "duration_minutes: (duration_minutes >= 1)", "--mend sets duration_minutes to null",
    ):  # fmt: skip
        assert line in told.stdout, line
    assert (schema(broken), snapshot(broken)) == (before, rows)
    document = json.loads(flask("db", "upgrade", "--dry-run", "--json", DATABASE_URL=broken).stdout)
    assert (document["generation"], document["dry_run"]) == (generation.upper(), True)
    assert {"table", "rule", "rows", "ids", "mend"} == set(document["broken"][0])


def test_clean_rows_keep_every_value(clean: str):
    before = snapshot(clean)
    upgraded(clean)
    assert lost(before, snapshot(clean)) == []
    assert run_alone(clean, "SELECT count(*) FROM tasks WHERE version <> 1 OR updated_at <> created_at") == [(0,)]
    assert run_alone(clean, "SELECT count(*) FROM mended_rows") == [(0,)]


def test_the_schema_is_then_that_of_a_new_database(postgres: EmbeddedServer, existing: str):
    upgraded(existing)
    with temporary_database(postgres, "new") as url:
        upgraded(url)
        missing = schema(url) - schema(existing)
    # The older program's own defaults stay, and its unique constraints are no mere indexes.
    assert {kind for kind, *_ in missing} <= {"column"}
    there = {row[:3]: row[3] for row in run_alone(existing, SCHEMA)}
    for kind, table, name, definition in missing:
        assert there[kind, table, name].startswith(definition), (table, name)


def test_no_index_does_what_another_does(existing: str):
    upgraded(existing)
    twins = """
    SELECT count(*) FROM pg_index a JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid < b.indexrelid
    WHERE a.indkey = b.indkey AND a.indclass = b.indclass AND a.indoption = b.indoption
        AND a.indexprs::text IS NOT DISTINCT FROM b.indexprs::text
        AND a.indpred::text IS NOT DISTINCT FROM b.indpred::text
    """
    assert run_alone(existing, twins) == [(0,)]


def test_rows_that_break_a_rule_stop_it_before_anything_is_changed(broken: str):
    before, rows = schema(broken), snapshot(broken)
    done = flask("db", "upgrade", DATABASE_URL=broken)
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert "goals  title: " in done.stdout
    assert "5 rows, such as 20000000-0000-4000-8000-000000000201" in done.stdout
    assert (schema(broken), snapshot(broken)) == (before, rows)


def test_people_whose_addresses_differ_only_in_case_stop_it_and_the_dry_run_foresees_that(clean: str):
    before = schema(clean)
    run_alone(clean, "INSERT INTO users (email) VALUES ('twin@x.io'), ('Twin@x.io'), ('TWIN@X.IO')")
    foreseen = flask("db", "upgrade", "--dry-run", DATABASE_URL=clean)
    stopped = flask("db", "upgrade", "--mend", DATABASE_URL=clean)
    assert (foreseen.returncode, stopped.returncode) == (0, 1)
    for said in (foreseen.stdout, stopped.stdout):
        assert "users  lower(email) is unique" in said
        assert "2 rows" in said
        assert "change the others by hand" in said
    assert "only you can mend" in stopped.stderr
    assert schema(clean) == before


def test_ids_of_goals_that_are_gone_stay_and_none_is_added(clean_b: str, settings: Settings):
    run_alone(
        clean_b,
        "INSERT INTO tasks (user_id, title, shared_with_goal_ids) SELECT user_id, 'Shared',"
        " ARRAY[gen_random_uuid(), id] FROM goals ORDER BY id LIMIT 1",
    )
    upgraded(clean_b)
    with service(clean_b, settings) as client:
        [task] = client.get("/api/v1/tasks?title=Shared").json["items"]
        gone, goal = task["shared_with_goal_ids"]
        path = f"/api/v1/tasks/{task['id']}"
        other = "10000000-0000-4000-8000-0000000000ff"
        assert client.patch(path, json={"shared_with_goal_ids": [goal, gone]}).status_code == 200
        assert client.patch(path, json={"shared_with_goal_ids": [gone, other]}).status_code == 409
        assert client.delete(f"/api/v1/goals/{goal}").status_code == 204
        assert client.get(path).json["shared_with_goal_ids"] == [gone]


def test_the_older_programs_own_key_of_addresses_stays_and_tells_the_column(clean_b: str, settings: Settings):
    upgraded(clean_b)
    with service(clean_b, settings) as client:
        assert client.post("/api/v1/users", json={"email": "Grace@x.io"}).status_code == 201
        for email in ("Grace@x.io", "grace@x.io"):
            taken = client.post("/api/v1/users", json={"email": email})
            assert (taken.status_code, taken.json["errors"][0]["pointer"]) == (409, "#/email")
            found = client.post("/api/v1/users?upsert=merge", json={"email": email})
            assert (found.status_code, found.json["email"]) == (200, "Grace@x.io")


def test_mending_changes_what_it_says_and_keeps_each_row_that_it_changes(broken: str, generation: Generation):
    before = snapshot(broken)
    whole = {
        (table, place): row
        for table in TABLES[generation]
        for place, row in run_alone(broken, f"SELECT id::text, to_jsonb(t) FROM {table} t")
    }
    upgraded(broken, "--mend")
    changed = {tuple(line.split()[:2]) for line in lost(before, snapshot(broken))}
    kept = run_alone(broken, 'SELECT "table", id::text, "row" FROM mended_rows')
    mended = {(table, place): row for table, place, row in kept}
    assert mended.keys() <= changed
    assert all(row == whole[place] for place, row in mended.items())
    # What else has changed was null, and got the default that null meant.
    after = snapshot(broken)
    for table, place in changed - mended.keys():
        for column, value in before[table][place].items():
            assert value is None or after[table][place][column] == value, (table, place, column)
    told = json.loads(flask("db", "mended", "--json", DATABASE_URL=broken).stdout)["mended"]
    assert {(row["table"], row["id"]) for row in told} == mended.keys()
    assert {"table", "id", "row", "rule", "at"} == set(told[0])


def test_what_a_person_wrote_stays_and_such_a_row_can_still_be_changed(broken: str, settings: Settings):
    upgraded(broken, "--mend")
    [(place, title)] = run_alone(broken, "SELECT id::text, title FROM tasks WHERE char_length(title) > 4000")
    [(goal,)] = run_alone(broken, "SELECT id::text FROM goals WHERE title = '' LIMIT 1")
    run_alone(broken, f"UPDATE tasks SET goal_id = '{goal}' WHERE id = '{place}'")
    with service(broken, settings) as client:
        done = client.patch(f"/api/v1/tasks/{place}", json={"status": "done"})
        assert (done.status_code, done.json["title"]) == (200, title)
        assert client.patch(f"/api/v1/tasks/{place}", json={"title": "x" * 501}).status_code == 422
        assert client.delete(f"/api/v1/goals/{goal}").status_code == 204
        assert client.get(f"/api/v1/tasks/{place}").json["goal_id"] is None
        assert client.patch(f"/api/v1/tasks/{place}", json={"title": "Short"}).json["title"] == "Short"
    with pytest.raises(psycopg2.errors.CheckViolation):
        run_alone(broken, "INSERT INTO tasks (user_id, title) SELECT id, '' FROM users LIMIT 1")
    with pytest.raises(psycopg2.errors.CheckViolation):
        run_alone(broken, f"UPDATE tasks SET title = repeat('x', 501) WHERE id = '{place}'")


def test_of_patterns_with_one_key_the_newest_keeps_it(postgres: EmbeddedServer):
    with project(postgres, "b", "broken") as url:
        before = snapshot(url)["patterns"]
        upgraded(url, "--mend")
        after = snapshot(url)["patterns"]
    groups: dict[tuple, list[str]] = {}
    for place, row in before.items():
        groups.setdefault((row["user_id"], row["pattern_type"], row["pattern_key"]), []).append(place)
    shared = [places for key, places in groups.items() if key[2] is not None and len(places) > 1]
    assert len(shared) >= 5
    for places in shared:
        [keeper] = [place for place in places if after[place]["pattern_key"] is not None]
        times = {place: before[place]["updated_at"] or before[place]["created_at"] or "" for place in places}
        assert times[keeper] == max(times.values())


def test_who_is_erased_is_in_no_row_that_was_kept(broken: str):
    upgraded(broken, "--mend")
    [(person,)] = run_alone(broken, "SELECT user_id::text FROM goals WHERE id IN (SELECT id FROM mended_rows) LIMIT 1")
    left = f"SELECT count(*) FROM mended_rows WHERE id = '{person}' OR \"row\"::text LIKE '%{person}%'"
    assert run_alone(broken, left)[0][0] > 0
    assert flask("users", "erase", person, DATABASE_URL=broken).returncode == 0
    assert run_alone(broken, left) == [(0,)]
    orphans = """SELECT count(*) FROM mended_rows WHERE ("table" = 'messages' AND id NOT IN (SELECT id FROM messages))
        OR ("table" = 'tasks' AND id NOT IN (SELECT id FROM tasks))"""
    assert run_alone(broken, orphans) == [(0,)]


def test_every_row_is_served(broken: str, settings: Settings):
    upgraded(broken, "--mend")
    with service(broken, settings) as client:
        for table in models.ENTITIES:
            [(count,)] = run_alone(broken, f"SELECT count(*) FROM {table}")
            path = f"/{table.replace('_', '-')}"
            if table != "messages":
                assert ask(client, path, {"limit": 1000})["total"] == count
        for (place,) in run_alone(broken, "SELECT id::text FROM messages"):
            assert client.get(f"/api/v1/messages/{place}").status_code == 200


def test_the_older_program_goes_on_writing(clean: str, generation: Generation, settings: Settings):
    upgraded(clean)
    for inserts in (OLD_INSERTS, OLD_INSERTS_OF_NULLS):
        for table in TABLES[generation]:
            for statement in inserts[generation].get(table, ()):
                run_alone(clean, statement)
    for table, place, statement in OLD_UPDATES[generation]:
        [before] = run_alone(clean, f"SELECT version, updated_at FROM {table} WHERE id = '{place}'")
        run_alone(clean, statement)
        [after] = run_alone(clean, f"SELECT version, updated_at FROM {table} WHERE id = '{place}'")
        assert after[0] == before[0] + 1, statement
        assert after[1] > before[1], statement
    with service(clean, settings) as client:
        assert ask(client, "/users/count")["count"] == run_alone(clean, "SELECT count(*) FROM users")[0][0]


def test_who_signs_up_is_a_person_that_the_service_serves(clean: str, settings: Settings):
    upgraded(clean)
    person_id = sign_up(superuser(clean), "grace@example.com", "Grace")
    with service(clean, settings) as client:
        person = client.get(f"/api/v1/users/{person_id}").json
        assert (person["email"], person["version"]) == ("grace@example.com", 1)
        assert client.patch(f"/api/v1/users/{person_id}", json={"onboarded": True}).json["version"] == 2


def superuser(url: str) -> str:
    """The URL of the same database for the tests' own role."""
    return url.partition(f"&user={OWNER}")[0].partition(f"?user={OWNER}")[0]


def test_the_browser_sees_what_its_policies_say_and_nothing_else(clean: str, generation: Generation):
    upgraded(clean)
    url = superuser(clean)
    assert run_as(url, "authenticated", "SELECT id::text FROM users", person=ADA) == [(ADA,)]
    assert run_as(url, "authenticated", "SELECT count(*) > 0 FROM task_overview", person=ADA) == [(True,)]
    for table in TABLES[generation]:
        assert run_as(url, "anon", f"SELECT * FROM {table}") == []
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run_as(url, "anon", A_MESSAGE)
    written = run_as(url, "authenticated", "UPDATE tasks SET status = 'done' RETURNING version", person=ADA)
    assert set(written) == {(2,)}


def test_one_that_is_killed_leaves_the_database_as_it_was(clean: str):
    run_alone(clean, "CREATE FUNCTION slow(text) RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(60) IS NOT NULL'")
    run_alone(clean, "ALTER TABLE tasks ADD CONSTRAINT own_rule CHECK (slow(title)) NOT VALID")
    before, rows = schema(clean), snapshot(clean)
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    running = subprocess.Popen(
        command, cwd=PROJECT, env=command_environment(DATABASE_URL=clean), stderr=subprocess.PIPE, text=True
    )
    assert running.stderr
    for line in running.stderr:
        if line.startswith("conversations: fills"):
            break
    running.send_signal(signal.SIGKILL)
    running.wait()
    # The server would notice only after this UPDATE that nobody waits for it any more.
    asleep = "query LIKE 'UPDATE tasks%' AND datname = current_database()"
    run_alone(superuser(clean), f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {asleep}")
    while run_alone(superuser(clean), f"SELECT FROM pg_stat_activity WHERE {asleep}"):
        time.sleep(0.05)
    assert (schema(clean), snapshot(clean)) == (before, rows)


def test_who_uses_the_tables_for_too_long_is_told_of(clean: str):
    busy = psycopg2.connect(clean)
    with busy, busy.cursor() as cursor:
        cursor.execute("SELECT FROM tasks")
        done = flask("db", "upgrade", DATABASE_URL=clean, DATABASE_LOCK_TIMEOUT="1")
    busy.close()
    assert (done.returncode, "Locks users, goals" in done.stderr) == (1, True)
    assert "Other programs kept the tables in use for 1 s, so nothing was changed." in done.stderr


def test_a_downgrade_gives_the_older_program_its_database_back(clean: str, generation: Generation):
    before = schema(clean)
    upgraded(clean)
    told = flask("db", "downgrade", "--dry-run", DATABASE_URL=clean).stdout
    assert told.startswith("Would give the database back to the older program")
    for table in TABLES[generation]:
        for statement in OLD_INSERTS[generation].get(table, ()):
            run_alone(clean, statement)
    rows = snapshot(clean)
    done = flask("db", "downgrade", "--yes", DATABASE_URL=clean)
    assert (done.returncode, "Gave the database back" in done.stdout) == (0, True), done.stderr
    assert schema(clean) == before
    columns = {(table, column) for kind, table, column, _ in before if kind == "column"}
    old = {
        table: {place: {name: row[name] for name in row if (table, name) in columns} for place, row in all_rows.items()}
        for table, all_rows in rows.items()
        if table in TABLES[generation]
    }
    assert lost(old, snapshot(clean)) == []
    run_alone(clean, "INSERT INTO users (email) VALUES ('after@example.com')")
    upgraded(clean)


def test_what_rows_made_since_do_not_fit_stays_as_it_is(existing: str, settings: Settings):
    upgraded(existing)
    with service(existing, settings) as client:
        user = client.post("/api/v1/users", json={"email": "since@example.com"}).json["id"]
        thread = {"user_id": user, "langgraph_thread_id": "since", "context_type": "general"}
        conversation = client.post("/api/v1/conversations", json=thread).json["id"]
        for role in ("summary", "function"):
            message = {"conversation_id": conversation, "role": role, "content": "x"}
            assert client.post("/api/v1/messages", json=message).status_code == 201
    done = flask("db", "downgrade", "base", "--yes", DATABASE_URL=existing)
    assert "Left as it is, since rows made since are in the way: messages: replaces messages_role_check." in done.stdout
    assert run_alone(existing, "SELECT count(*) FROM messages") == [(2,)]
    with pytest.raises(psycopg2.errors.CheckViolation):
        run_alone(existing, "UPDATE messages SET role = 'nobody'")


def test_mended_rows_outlive_a_downgrade(broken: str):
    upgraded(broken, "--mend")
    kept = run_alone(broken, "SELECT count(*) FROM mended_rows")
    assert flask("db", "downgrade", "--yes", DATABASE_URL=broken).returncode == 0
    assert run_alone(broken, "SELECT count(*) FROM mended_rows") == kept
    upgraded(broken, "--mend")
    assert run_alone(broken, "SELECT count(*) FROM mended_rows") == kept


def test_two_that_start_at_once_both_succeed(clean: str):
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    environment = command_environment(DATABASE_URL=clean)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=PROJECT, env=environment, **pipes) for _ in range(2)]
    outputs = [each.communicate(timeout=60) for each in both]
    assert [each.returncode for each in both] == [0, 0], outputs


def test_the_migrations_of_a_taken_over_database_are_all_applied(existing: str):
    upgraded(existing)
    assert "Nothing to do." in upgraded(existing)
    applied = run_alone(existing, "SELECT name FROM schema_migration ORDER BY 1")
    assert applied == [(name,) for name in migrations.names()]
