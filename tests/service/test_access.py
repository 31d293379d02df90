"""Who may touch the service's tables and functions on a Supabase project: the owner, the service, and nobody else."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import existing
import psycopg2
import pytest
from conftest import flask, limited_role, run_alone, temporary_database, url_with
from existing import OWNER, run_as

from app import models
from app.database import migrations
from app.development.embedded import EmbeddedServer
from app.upgrades import access

pytestmark = [pytest.mark.commands, pytest.mark.direct("An upgrade goes to the database itself.")]

ENTITIES = list(models.ENTITIES)
INTERNAL = [*(model._meta.table_name for model in models.INTERNAL), migrations.TABLE]
BROWSER = ("anon", "authenticated")

# What Supabase's advisors look at, each as a SELECT that finds none where all is well.
ADVISORS = {
    "a table without row level security": """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relrowsecurity""",
    "a table without a primary key": """
        SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
            AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)""",
    "a function without a search path": """
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND proname <> ALL (%(theirs)s)
            AND NOT EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting LIKE 'search_path=%%')""",
    "a function of ours with the rights of its owner": """
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE pronamespace = 'public'::regnamespace AND prosecdef AND proname <> ALL (%(theirs)s)""",
    "a reference without an index": """
        SELECT k.conrelid::regclass, k.conname FROM pg_constraint k
        WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1] AND i.indpred IS NULL)""",
    "two indexes that do the same": """
        SELECT a.indexrelid::regclass, b.indexrelid::regclass
        FROM pg_index a JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid < b.indexrelid
        WHERE a.indkey = b.indkey AND a.indclass = b.indclass AND a.indoption = b.indoption
            AND a.indexprs::text IS NOT DISTINCT FROM b.indexprs::text
            AND a.indpred::text IS NOT DISTINCT FROM b.indpred::text""",
}


@pytest.fixture(scope="module", params=["new", *existing.GENERATIONS])
def project(request: pytest.FixtureRequest, postgres: EmbeddedServer) -> Iterator[str]:
    """The superuser's URL of a project whose database is ours: a new one, or one of each generation taken over."""
    with temporary_database(postgres, f"access_{request.param}") as url:
        if request.param == "new":
            existing.make_supabase(url, OWNER)
        else:
            existing.make_project(url, request.param, "clean", OWNER)
        done = flask("db", "upgrade", DATABASE_URL=url_with(url, user=OWNER))
        assert done.returncode == 0, done.stderr
        if request.param == "new":
            run_alone(url, "INSERT INTO users (email) VALUES ('ada@example.com')")
        yield url


def seen(url: str, role: str, statement: str) -> list[tuple]:
    """The rows that the role gets; none where it is refused."""
    try:
        return run_as(url, role, statement)
    except psycopg2.errors.InsufficientPrivilege:
        return []


def refused(url: str, role: str, statement: str) -> bool:
    try:
        run_as(url, role, statement)
    except psycopg2.errors.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize("role", BROWSER)
def test_the_browsers_key_neither_reads_nor_writes_a_row(project: str, role: str):
    for table in ENTITIES:
        assert seen(project, role, f"SELECT * FROM {table}") == []
        assert seen(project, role, f"UPDATE {table} SET version = 7 RETURNING 1") == []
        assert seen(project, role, f"DELETE FROM {table} RETURNING 1") == []
        assert refused(project, role, f"TRUNCATE {table} CASCADE")
    assert refused(project, role, "INSERT INTO users (email) VALUES ('eve@example.com')")


@pytest.mark.parametrize("role", [*BROWSER, "service_role"])
def test_what_the_service_keeps_for_itself_is_nobodys(project: str, role: str):
    for table in INTERNAL:
        for statement in (f"SELECT * FROM {table}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            assert refused(project, role, statement), statement
    assert refused(project, role, "SELECT nextval('schema_migration_id_seq')")


@pytest.mark.parametrize("role", BROWSER)
def test_no_function_of_ours_can_be_called(project: str, role: str):
    assert refused(project, role, "SELECT merge_patch('{}', '{}')")
    assert refused(project, role, "SELECT add_numbers('1', '1')")
    assert refused(project, role, "SELECT claim_idempotency_key(1)")
    executable = f"SELECT has_function_privilege('{role}', oid, 'EXECUTE') FROM pg_proc WHERE proname = 'touch_row'"
    assert run_alone(project, executable) == [(False,)]


def test_the_key_of_the_projects_own_servers_goes_on_working(project: str):
    assert run_as(project, "service_role", "SELECT count(*) > 0 FROM users") == [(True,)]
    assert run_as(project, "service_role", "UPDATE users SET onboarded = true RETURNING version")


@pytest.mark.parametrize("advice", ADVISORS)
def test_the_advisors_find_nothing(project: str, advice: str):
    theirs = "ARRAY['handle_new_user', 'calculate_streak', 'refresh_analytics', 'set_updated_at']"
    known = f"ARRAY(SELECT proname FROM pg_proc WHERE proname = ANY ({theirs}) OR proname LIKE 'update_%%')"
    assert run_alone(project, ADVISORS[advice].replace("%(theirs)s", known).replace("%%", "%")) == []


def test_the_doctor_finds_nobody_but_who_reads_copies_in_views(project: str):
    url = url_with(project, user=OWNER)
    for finding in access_findings(flask("doctor", "--json", DATABASE_URL=url, AUTH_DISABLED="true").stdout):
        if "Run: " in finding:
            assert re.match(r"anon, authenticated can read \w+ in the view \w+\. Run: REVOKE ALL ON \w+ FROM ", finding)
            run_alone(url, finding.partition("Run: ")[2])
    found = flask("doctor", DATABASE_URL=url, AUTH_DISABLED="true").stdout
    assert "ok       access          Nobody but the owner and the service" in found


@pytest.mark.parametrize(
    ("opening", "told"),
    [
        ("ALTER TABLE messages DISABLE ROW LEVEL SECURITY", "anon, authenticated can read or write messages."),
        (
            "CREATE POLICY everybody ON goals USING (true)",
            "anon, authenticated can read or write all of goals. Run: DROP POLICY everybody ON goals",
        ),
        ("GRANT TRUNCATE ON tasks TO anon", "Run: REVOKE TRUNCATE ON tasks FROM PUBLIC, anon"),
        ("GRANT EXECUTE ON FUNCTION merge_patch TO PUBLIC", "supabase_auth_admin can call merge_patch(jsonb,jsonb)."),
    ],
)
def test_the_doctor_tells_who_can_and_the_statement_that_ends_it(project: str, opening: str, told: str):
    run_alone(project, opening)
    url = url_with(project, user=OWNER)
    done = flask("doctor", "--json", DATABASE_URL=url, AUTH_DISABLED="true")
    assert (done.returncode, told in done.stdout) == (1, True), done.stdout
    for finding in access_findings(done.stdout):
        run_alone(url, finding.partition("Run: ")[2])
    assert "access          Nobody" in flask("doctor", DATABASE_URL=url, AUTH_DISABLED="true").stdout


def access_findings(document: str) -> list[str]:
    return [each["detail"] for each in json.loads(document)["findings"] if each["check"] == "access"]


def test_nobody_may_maintain_a_table(project: str):
    for role in BROWSER:
        assert refused(project, role, "REINDEX TABLE tasks")


def test_the_service_cannot_write_what_a_downgrade_executes(postgres: EmbeddedServer, project: str):
    with limited_role(postgres, project) as url:
        for table in access.HISTORY_TABLES:
            if run_alone(project, f"SELECT to_regclass('{table}') IS NULL") == [(False,)]:
                column = "name" if table == migrations.TABLE else "undo"
                with suppress(psycopg2.errors.InsufficientPrivilege):
                    assert run_alone(url, f"UPDATE {table} SET {column} = 'DROP TABLE tasks' RETURNING 1") == []
                with suppress(psycopg2.errors.InsufficientPrivilege):
                    assert run_alone(url, f"DELETE FROM {table} RETURNING 1") == []


def test_a_limited_role_serves_behind_row_level_security(postgres: EmbeddedServer, project: str):
    with limited_role(postgres, project) as url:
        assert run_alone(url, "SELECT count(*) > 0 FROM users") == [(True,)]
        assert flask("db", "status", DATABASE_URL=url).returncode == 0


def test_a_restored_backup_is_as_closed(postgres: EmbeddedServer, tmp_path: Path):
    file = str(tmp_path / "flux.dump")
    with temporary_database(postgres, "backed_up") as url:
        assert flask("db", "upgrade", DATABASE_URL=url).returncode == 0
        assert flask("db", "backup", file, DATABASE_URL=url).returncode == 0
    with temporary_database(postgres, "restored") as url:
        existing.make_supabase(url)
        run_alone(url, "DROP SCHEMA auth CASCADE")
        restored = flask("db", "restore", file, DATABASE_URL=url)
        assert restored.returncode == 0, restored.stderr
        test_what_the_service_keeps_for_itself_is_nobodys(url, "anon")
        test_no_function_of_ours_can_be_called(url, "anon")
        assert run_as(url, "anon", "SELECT * FROM users") == []
