"""The role of docs/database-role.md: the service works with it, and it can do nothing more."""

import os
import re
from collections.abc import Iterator

import psycopg2
import pytest
from conftest import flask, limited_role, run_alone, temporary_database, url_with

from app.development.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def limited(postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a migrated database for the limited role."""
    with temporary_database(postgres, "limited") as url:
        assert flask("db", "upgrade", DATABASE_URL=url).returncode == 0
        with limited_role(postgres, url) as limited_url:
            yield limited_url


def test_the_role_keeps_the_goals_that_tasks_are_shared_with(limited: str):
    person, plan, task = (f"'0198f3c2-0000-7000-8000-00000000000{number}'" for number in range(3))
    share = f"UPDATE tasks SET shared_with_goal_ids = ARRAY[{plan}]::uuid[]"
    run_alone(
        limited,
        f"INSERT INTO users (id, email) VALUES ({person}, 'a@b.io')",
        f"INSERT INTO goals (id, user_id, title) VALUES ({plan}, {person}, 'x')",
        f"INSERT INTO tasks (id, user_id, title) VALUES ({task}, {person}, 'x')",
        share,
        f"DELETE FROM goals WHERE id = {plan}",
    )
    assert run_alone(limited, "SELECT cardinality(shared_with_goal_ids) FROM tasks") == [(0,)]
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        run_alone(limited, share)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE tasks",
        "TRUNCATE tasks",
        "ALTER TABLE tasks ADD COLUMN x text",
        "CREATE TABLE x (id integer)",
        "DELETE FROM schema_migration",
        "UPDATE schema_migration SET name = 'x'",
        "ALTER TABLE tasks DISABLE TRIGGER tasks_touch",
        "CREATE ROLE x",
        "COPY users TO PROGRAM 'true'",
    ],
)
def test_the_role_may_not_change_the_schema_nor_its_history(limited: str, statement: str):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run_alone(limited, statement)


def test_migrating_is_refused_in_a_sentence(limited: str):
    done = flask("db", "downgrade", "--yes", DATABASE_URL=limited)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search("must be owner of|permission denied", done.stderr)


def test_the_role_may_compare_the_schema_with_the_code(limited: str):
    assert flask("db", "status", DATABASE_URL=limited).returncode == 0


def test_a_role_that_row_level_security_holds_off_is_told_so(postgres: EmbeddedServer):
    role = f"held_off_{os.getpid()}"
    with temporary_database(postgres, "held_off") as url:
        assert flask("db", "upgrade", DATABASE_URL=url).returncode == 0
        run_alone(url, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        try:
            done = flask("db", "status", DATABASE_URL=url_with(url, user=role))
        finally:
            run_alone(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Row level security hides every row from this role. Make it a member of ")
