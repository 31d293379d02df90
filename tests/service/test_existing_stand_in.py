"""The stand-in for an existing project is what such a project is: who sees what, and what its triggers do."""

from collections.abc import Iterator

import psycopg2
import pytest
from conftest import run_alone, temporary_database
from existing import (
    GENERATIONS,
    MATERIALIZED_VIEWS,
    OWNER,
    TABLES,
    Generation,
    lost,
    make_project,
    run_as,
    sign_up,
    snapshot,
)
from existing.old_programs import OLD_INSERTS, OLD_INSERTS_OF_NULLS, OLD_UPDATES

from app.development.embedded import EmbeddedServer

ADA = "10000000-0000-4000-8000-000000000001"
NO_PROFILE = "10000000-0000-4000-8000-000000000008"
CONVERSATION = "40000000-0000-4000-8000-000000000001"


@pytest.fixture(
    scope="module",
    params=[(generation, owner) for generation in GENERATIONS for owner in (None, OWNER)],
    ids=lambda param: "-".join(map(str, param)),
)
def project(request: pytest.FixtureRequest, postgres: EmbeddedServer) -> Iterator[tuple[Generation, str]]:
    """A generation, and the URL of a project of it with clean rows, whose tables are the superuser's or the owner's."""
    generation, owner = request.param
    with temporary_database(postgres, f"existing_{generation}") as url:
        make_project(url, generation, "clean", owner)
        yield generation, url


def test_every_table_has_a_dozen_rows_of_random_ids(project: tuple[Generation, str]):
    generation, url = project
    tables = snapshot(url)
    assert set(tables) == set(TABLES[generation])
    for rows in tables.values():
        assert len(rows) >= 12
        assert all(row_id[14] == "4" for row_id in rows)


def test_the_browser_without_an_account_sees_no_row_behind_a_policy(project: tuple[Generation, str]):
    generation, url = project
    for table in TABLES[generation]:
        if (generation, table) != ("a", "messages"):
            assert run_as(url, "anon", f"SELECT * FROM {table}") == []
    assert run_as(url, "anon", "SELECT * FROM task_overview") == []


A_MESSAGE = f"INSERT INTO messages (conversation_id, role, content) VALUES ('{CONVERSATION}', 'user', 'from nobody')"


def test_the_browser_without_an_account_reads_and_writes_the_messages_of_a(project: tuple[Generation, str]):
    generation, url = project
    if generation == "b":
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run_as(url, "anon", A_MESSAGE)
        return
    assert run_as(url, "anon", "SELECT count(*) FROM messages") == run_alone(url, "SELECT count(*) FROM messages")
    run_as(url, "anon", A_MESSAGE)
    assert run_alone(url, "DELETE FROM messages WHERE content = 'from nobody' RETURNING role") == [("user",)]


def test_a_person_sees_their_own_rows_and_no_others(project: tuple[Generation, str]):
    generation, url = project
    owned = [
        table for table in TABLES[generation] if table not in ("users", "messages", "notification_log", "dispatch_log")
    ]
    assert run_as(url, "authenticated", "SELECT id::text FROM users", person=ADA) == [(ADA,)]
    for table in owned:
        assert set(run_as(url, "authenticated", f"SELECT user_id::text FROM {table}", person=ADA)) == {(ADA,)}
        assert len(run_as(url, "service_role", f"SELECT DISTINCT user_id FROM {table}")) > 1


def test_a_person_sees_what_belongs_to_their_rows(project: tuple[Generation, str]):
    generation, url = project
    owners = {"notification_log": "tasks", "messages": "conversations", "dispatch_log": "tasks"}
    for table in set(TABLES[generation]) & set(owners) - ({"messages"} if generation == "a" else set()):
        parent = owners[table]
        seen = f"SELECT user_id::text FROM {table} JOIN {parent} ON {parent}.id = {table}.{parent[:-1]}_id"
        assert set(run_as(url, "authenticated", seen, person=ADA)) == {(ADA,)}
        visible = run_as(url, "authenticated", f"SELECT count(*) FROM {table}", person=ADA)
        assert visible == run_alone(url, f"SELECT count(*) FROM ({seen}) AS every WHERE user_id = '{ADA}'")
    assert len(run_as(url, "authenticated", "SELECT * FROM task_overview", person=ADA)) == 3


def test_a_person_changes_their_own_task_and_no_other(project: tuple[Generation, str]):
    _, url = project
    change = "UPDATE tasks SET description = 'seen to' RETURNING user_id::text"
    assert set(run_as(url, "authenticated", change, person=ADA)) == {(ADA,)}


def test_a_sign_up_makes_a_user(project: tuple[Generation, str]):
    generation, url = project
    account = sign_up(url, "new@example.com", "Lin O'Hara")
    [(email, onboarded, profile)] = run_alone(
        url, f"SELECT email, onboarded, profile FROM users WHERE id = '{account}'"
    )
    assert (email, onboarded) == ("new@example.com", False)
    assert profile == (None if generation == "a" else {"name": "Lin O'Hara"})
    run_alone(url, f"DELETE FROM users WHERE id = '{account}'")


def test_a_second_sign_up_with_one_address_fails(project: tuple[Generation, str]):
    _, url = project
    with pytest.raises(psycopg2.errors.UniqueViolation):
        sign_up(url, "ada@example.com")


def test_a_change_of_a_task_refreshes_the_views_of_b_alone(project: tuple[Generation, str]):
    generation, url = project
    views = MATERIALIZED_VIEWS[generation]
    before = {view: set(run_alone(url, f"SELECT {view}::text FROM {view}")) for view in views}
    task = "30000000-0000-4000-8000-000000000003"
    run_alone(url, f"UPDATE tasks SET status = 'missed', scheduled_at = '2030-01-01 10:00Z' WHERE id = '{task}'")
    changed = {view for view in views if set(run_alone(url, f"SELECT {view}::text FROM {view}")) != before[view]}
    assert changed == (set(views) if generation == "b" else set())


def test_an_update_sets_updated_at(project: tuple[Generation, str]):
    generation, url = project
    for table in ("patterns",) if generation == "a" else ("patterns", "users"):
        assert run_alone(url, f"UPDATE {table} SET id = id RETURNING updated_at = now()")[0] == (True,)


def test_a_streak_counts_days_in_a_row(project: tuple[Generation, str]):
    _, url = project
    days = ", ".join(f"('{ADA}'::uuid, 'x', 'done', '2031-05-0{day} 12:00Z'::timestamptz)" for day in (1, 3, 4, 5))
    run_alone(url, f"INSERT INTO tasks (user_id, title, status, completed_at) VALUES {days}")
    assert run_as(url, "service_role", f"SELECT calculate_streak('{ADA}')") == [(3,)]
    run_alone(url, "DELETE FROM tasks WHERE title = 'x' AND completed_at > '2031-01-01'")


def test_the_old_programs_write(project: tuple[Generation, str]):
    generation, url = project
    inserted = [OLD_INSERTS[generation], OLD_INSERTS_OF_NULLS[generation]]
    for tables in inserted:
        assert set(tables) <= set(TABLES[generation])
        run_alone(url, *(statement for statements in tables.values() for statement in statements))
    for table, row_id, statement in OLD_UPDATES[generation]:
        assert run_alone(url, f"{statement} RETURNING id::text") == [(row_id,)], table


def test_rows_that_break_rules_come_beside_the_clean_ones(postgres: EmbeddedServer):
    for generation in GENERATIONS:
        with (
            temporary_database(postgres, "existing_clean") as clean,
            temporary_database(postgres, "existing_broken") as url,
        ):
            make_project(clean, generation, "clean")
            make_project(url, generation, "broken")
            sound, all_rows = snapshot(clean), snapshot(url)
            assert lost(sound, all_rows) == []
            assert all(len(all_rows[table]) > len(sound[table]) for table in TABLES[generation])


def test_a_value_that_is_lost_is_told(postgres: EmbeddedServer):
    with temporary_database(postgres, "existing_lost") as url:
        make_project(url, "b", "clean")
        before = snapshot(url)
        row = "60000000-0000-4000-8000-000000000001"
        run_alone(
            url,
            f"UPDATE users SET profile = 'null' WHERE id = '{NO_PROFILE}'",
            f"DELETE FROM patterns WHERE id = '{row}'",
        )
        told = lost(before, snapshot(url))
        assert f"users {NO_PROFILE} profile: None is 'null'" in told
        assert f"patterns {row} id: '{row}' is 'not there'" in told


def test_the_owner_of_a_project_is_no_superuser_and_owns_all_of_it(postgres: EmbeddedServer):
    with temporary_database(postgres, "existing_owned") as url:
        make_project(url, "b", "broken", OWNER)
        others = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner <> %s::regrole"
        assert run_alone(url, others.replace("%s", f"'{OWNER}'")) == []
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run_as(url, OWNER, "ALTER TABLE tasks DISABLE TRIGGER ALL")
        assert len(run_as(url, OWNER, "SELECT * FROM messages")) == len(snapshot(url)["messages"])
