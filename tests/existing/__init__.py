"""Databases as the old programs made them, with a stand-in for the Supabase project around them."""

import json
from pathlib import Path
from typing import Literal
from uuid import uuid4

import psycopg2
from psycopg2 import sql

Generation = Literal["a", "b"]
Rows = Literal["none", "clean", "broken"]
Snapshot = dict[str, dict[str, dict[str, str | None]]]

GENERATIONS: tuple[Generation, ...] = ("a", "b")
# What `postgres` is in a project: it is no superuser, and not held by row level security.
OWNER = "project_owner"
FOLDER = Path(__file__).parent
TABLES: dict[Generation, tuple[str, ...]] = {
    "a": ("users", "goals", "tasks", "conversations", "messages", "patterns", "notification_log"),
    "b": ("users", "goals", "conversations", "tasks", "messages", "patterns", "notification_log", "dispatch_log"),
}
MATERIALIZED_VIEWS: dict[Generation, tuple[str, ...]] = {
    "a": ("user_weekly_stats", "missed_by_category"),
    "b": ("user_weekly_stats", "missed_by_category", "activity_heatmap"),
}


def make_supabase(url: str, owner: str | None = None) -> None:
    """Make an empty database that of a new Supabase project, which belongs to the caller or the OWNER."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute((FOLDER / "supabase.sql").read_text())
            if owner:
                database, role = sql.Identifier(connection.info.dbname), sql.Identifier(owner)
                cursor.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, role))
    finally:
        connection.close()


def make_project(url: str, generation: Generation, rows: Rows = "none", owner: str | None = None) -> None:
    """Make an empty database a Supabase project with this generation's tables; `broken` rows come beside clean ones.

    The tables are the caller's, who is a superuser, or the OWNER's, who is none and may log in.
    """
    scripts = [f"generation_{generation}"]
    if rows != "none":
        scripts.append(f"rows_{generation}")
    if rows == "broken":
        scripts.append(f"rows_that_break_rules_{generation}")
    make_supabase(url, owner)
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            if owner:
                cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))
            for script in scripts:
                cursor.execute((FOLDER / f"{script}.sql").read_text())
            if rows != "none":
                for view in MATERIALIZED_VIEWS[generation]:
                    cursor.execute(f"REFRESH MATERIALIZED VIEW {view}")
    finally:
        connection.close()


def snapshot(url: str) -> Snapshot:
    """Every value of the old tables: table, id, column, and PostgreSQL's text of the value, None for null.

    The text tells apart what JSON does not: null from jsonb's null, and the digits of 1.10.
    """
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL timezone TO 'UTC'")
            cursor.execute(
                "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)"
                " FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ANY(%s) GROUP BY 1",
                (list(TABLES["b"]),),
            )
            return {table: _rows(cursor, table, columns) for table, columns in cursor.fetchall()}
    finally:
        connection.close()


def lost(before: Snapshot, after: Snapshot) -> list[str]:
    """A line for every value of `before` that `after` does not have as it was."""
    return [
        f"{table} {row_id} {column}: {value!r} is {after.get(table, {}).get(row_id, {}).get(column, 'not there')!r}"
        for table, rows in before.items()
        for row_id, row in rows.items()
        for column, value in row.items()
        if after.get(table, {}).get(row_id, {}).get(column, "not there") != value
    ]


def _rows(cursor: psycopg2.extensions.cursor, table: str, columns: list[str]) -> dict[str, dict[str, str | None]]:
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns)
    cursor.execute(sql.SQL("SELECT id::text, {} FROM {}").format(texts, sql.Identifier("public", table)))
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in cursor.fetchall()}


def sign_up(url: str, email: str, name: str = "Ada Lovelace") -> str:
    """Open an account as Supabase's own service does: its role, its search_path, one row of auth.users. The id."""
    account = str(uuid4())
    run_as(
        url,
        "supabase_auth_admin",
        "SET LOCAL search_path TO auth",
        sql.SQL("INSERT INTO users (id, email, raw_user_meta_data) VALUES ({}, {}, {})").format(
            sql.Literal(account), sql.Literal(email), sql.Literal(json.dumps({"full_name": name}))
        ),
    )
    return account


def run_as(url: str, role: str, *statements: str | sql.Composed, person: str | None = None) -> list[tuple]:
    """Run statements in one transaction in a role, as the REST API of Supabase does for a browser, which is signed in
    as this person or nobody; the rows of the last one, if it gives any.
    """
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            cursor.execute("SELECT set_config('request.jwt.claim.sub', %s, true)", (person or "",))
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
