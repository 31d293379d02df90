"""Migrations: up makes the columns and indexes that the models name, down undoes it, and three at once are one."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import flask, flask_process, run_alone, temporary_database
from neighbours import running_pgbouncer

from app import models
from app.config import PROJECT, Settings
from app.database import configure, database, migrations
from app.development.embedded import EmbeddedServer

pytestmark = pytest.mark.commands

MODELS = [*models.ENTITIES.values(), *models.INTERNAL]

# Columns, constraints and indexes, each as PostgreSQL itself writes them.
SCHEMA = """
SELECT 'column', table_name, column_name,
       concat_ws(' ', data_type, udt_name, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL
SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
ORDER BY 1, 2, 3
"""


ADVISORY_LOCKS = """
SELECT FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def empty(postgres: EmbeddedServer) -> Iterator[str]:
    with temporary_database(postgres, "migrated") as url:
        yield url


# The models leave out what the migrations alone say: defaults and checks.
SCHEMA_OF_MODELS = SCHEMA.replace(", column_default", "").replace("<> 'n'", "NOT IN ('n', 'c')")


def schema(url: str, statement: str = SCHEMA) -> list[tuple]:
    return [row for row in run_alone(url, statement) if row[1] != migrations.TABLE]


def up_and_down(url: str, *commands: str) -> None:
    for command in commands:
        done = flask("db", *command.split(), DATABASE_URL=url)
        assert done.returncode == 0, done.stderr


def test_the_migrations_make_exactly_the_columns_references_and_indexes_of_the_models(
    empty: str, settings: Settings, app
):
    up_and_down(empty, "upgrade")
    migrated = schema(empty, SCHEMA_OF_MODELS)
    database.release()
    configure(Settings(database_url=empty))
    try:
        database.execute_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        database.create_tables(MODELS)
        models.Conversation._schema.create_foreign_key(models.Conversation.linked_task)
        database.release()
        assert migrated == schema(empty, SCHEMA_OF_MODELS)
    finally:
        configure(settings)


def test_up_down_and_up_again_gives_the_same(empty: str):
    up_and_down(empty, "upgrade")
    first = schema(empty)
    for _ in migrations.names():
        up_and_down(empty, "downgrade --yes")
    assert schema(empty) == []
    up_and_down(empty, "upgrade", "upgrade")
    assert schema(empty) == first != []


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_three_that_start_at_once_all_succeed(empty: str, isolation: str):
    settings = {"DATABASE_URL": empty, "DATABASE_ISOLATION": isolation}
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: flask("db", "upgrade", **settings), range(3)))
    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr for each in done]
    assert sorted(each.stdout for each in done).count("Nothing to do.\n") == 2


@pytest.mark.direct("It brings a PgBouncer of its own.")
def test_through_a_pooler_that_lends_its_sessions_all_is_as_usual(empty: str, tmp_path: Path):
    with running_pgbouncer(tmp_path, empty, "default_pool_size = 2") as pooled:
        test_three_that_start_at_once_all_succeed(pooled, "read committed")
        test_up_down_and_up_again_gives_the_same(pooled)
    assert run_alone(empty, ADVISORY_LOCKS) == []


def test_an_upgrade_that_fails_leaves_nothing(empty: str):
    run_alone(empty, "CREATE SEQUENCE tasks_newest")
    done = flask("db", "upgrade", DATABASE_URL=empty)
    assert done.returncode == 1
    assert 'relation "tasks_newest" already exists' in done.stderr
    assert run_alone(empty, "SELECT relname FROM pg_stat_user_tables") == []


def test_status_lists_every_migration_and_exits_with_1_while_one_is_pending(empty: str):
    before = flask("db", "status", DATABASE_URL=empty)
    assert (before.returncode, "0001_initial  pending" in before.stdout) == (1, True)
    up_and_down(empty, "upgrade")
    after = flask("db", "status", DATABASE_URL=empty)
    assert (after.returncode, "0001_initial  applied 20" in after.stdout) == (0, True)


def test_an_unknown_target_is_told_what_there_is(empty: str):
    done = flask("db", "upgrade", "0042_nowhere", DATABASE_URL=empty)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: There is no migration 0042_nowhere. There are: 0001_initial")


def test_downgrading_nothing_says_so(empty: str):
    assert flask("db", "downgrade", DATABASE_URL=empty).stdout == "Nothing to do.\n"


def test_a_revision_gets_the_next_number_and_needs_no_database(tmp_path: Path):
    for part in ("app", "migrations"):
        shutil.copytree(PROJECT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "wsgi.py", tmp_path)
    done = flask_process("db", "revision", "add karma", folder=tmp_path, DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert done.returncode == 0, done.stderr
    file = tmp_path / "migrations" / f"{int(migrations.names()[-1][:4]) + 1:04}_add_karma.py"
    assert str(file) in done.stdout
    assert "def up(migrator, db):" in file.read_text()


@pytest.mark.parametrize("table", models.ENTITIES)
def test_every_change_of_a_row_counts_in_its_version(app, table: str):
    triggers = database.read(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", (table,)
    )
    database.release()
    assert (f"{table}_touch",) in triggers


ROWS_OF_ONE_TIME = """
INSERT INTO users (id, email, version) VALUES ('{user}', 'a@b.io', 7);
INSERT INTO conversations (id, user_id, langgraph_thread_id) VALUES ('{user}', '{user}', 'x');
INSERT INTO messages (id, conversation_id, role, content, created_at, updated_at) VALUES
    ('ffffffff-0000-4000-8000-000000000000', '{user}', 'user', 'second', '2026-03-01Z', '2026-03-02Z'),
    ('00000000-0000-4000-8000-000000000000', '{user}', 'user', 'third', '2026-03-01Z', '2026-03-02Z'),
    ('01999999-0000-7000-8000-000000000002', '{user}', 'user', 'fifth', '2026-03-03Z', '2026-03-03Z'),
    ('01999999-0000-7000-8000-000000000001', '{user}', 'user', 'fourth', '2026-03-03Z', '2026-03-03Z'),
    ('88888888-0000-4000-8000-000000000000', '{user}', 'user', 'first', '2026-02-01Z', '2026-02-01Z');
""".format(user="0198f3c2-0000-7000-8000-0000000000aa")


def test_rows_that_are_there_are_numbered_in_the_order_of_storing_and_are_not_changed_by_it(empty: str):
    up_and_down(empty, "upgrade 0005_row_level_security")
    run_alone(empty, ROWS_OF_ONE_TIME)
    up_and_down(empty, "upgrade")
    run_alone(
        empty, "INSERT INTO messages (conversation_id, role, content) SELECT id, 'user', 'last' FROM conversations"
    )
    found = run_alone(empty, "SELECT content, version FROM messages ORDER BY row_order")
    assert found == [(each, 1) for each in ("first", "second", "third", "fourth", "fifth", "last")]
    assert run_alone(empty, "SELECT version FROM users") == [(7,)]
    assert run_alone(empty, "SELECT count(*) FROM messages WHERE updated_at < '2026-04-01'") == [(5,)]
    assert run_alone(empty, "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'") == [(0,)]


def test_addresses_that_differ_only_in_case_stop_the_migration_with_what_to_do(empty: str):
    up_and_down(empty, "upgrade 0006_row_order")
    run_alone(empty, "INSERT INTO users (id, email) SELECT gen_random_uuid(), unnest('{a@b.io,A@b.io,c@d.io}'::text[])")
    done = flask("db", "upgrade", DATABASE_URL=empty)
    assert done.returncode == 1
    assert "1 e-mail addresses belong to several users" in done.stderr
    assert "Change or delete the others, then migrate again" in done.stderr
    run_alone(empty, "DELETE FROM users WHERE email = 'A@b.io'")
    up_and_down(empty, "upgrade")


def test_an_older_programs_key_of_addresses_stays_beside_ours(empty: str):
    up_and_down(empty, "upgrade 0006_row_order")
    run_alone(empty, "DROP INDEX users_email_key", "ALTER TABLE users ADD UNIQUE (email)")
    before = schema(empty)
    up_and_down(empty, "upgrade 0007_email_without_case")
    run_alone(empty, "INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'a') ON CONFLICT (email) DO NOTHING")
    up_and_down(empty, "downgrade --yes")
    assert schema(empty) == before
