"""Who else may touch what is ours. On Supabase every new table and function is open to the browser's key otherwise."""

from dataclasses import dataclass
from pathlib import Path

from app import models
from app.database import database, migrations
from app.upgrades.log import LOG

HISTORY_TABLES = [migrations.TABLE, LOG]
FUNCTION_NAMES = ["touch_row", "merge_patch", "add_numbers", "bounded_object", "claim_idempotency_key"]

# Those of the migrations, and those that taking over a database made for triggers of the same name.
FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND (
    p.proname = ANY (%s)
    OR EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
               WHERE t.tgfoid = p.oid AND t.tgname = p.proname AND c.relname = ANY (%s))
)
"""
# The policies of flux_service, the role or group of roles that docs/database-role.md lets serve.
POLICIES = (
    "SELECT format('DROP POLICY %I ON %s', polname, polrelid::regclass) FROM pg_policy WHERE polname = 'flux_service'"
)


@dataclass(frozen=True)
class Opening:
    """What roles can do that are neither the owner's nor the service's, and the statement that ends it."""

    roles: str
    what: str
    statement: str


def openings() -> list[Opening]:
    """What others than the owner, administrators and the service can do with what is ours."""
    return [Opening(*row) for row in database.read(_sql("openings.sql"), _ours())]


def close() -> None:
    """Take from all but the owner and the service what nobody else needs. Needs a transaction; can be repeated."""
    database.execute_sql("SET LOCAL search_path = public")
    for (statement,) in database.read(_sql("closing.sql"), _ours()):
        database.execute_sql(statement)


def withdraw() -> None:
    """Take away the policies that let the service through."""
    for (statement,) in database.read(POLICIES):
        database.execute_sql(statement)


def _sql(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _ours() -> dict[str, list[str]]:
    """The names of what is ours, as the SQL files take them."""
    entities = list(models.ENTITIES)
    return {
        "entities": entities,
        "internal": [*(model._meta.table_name for model in models.INTERNAL), *HISTORY_TABLES],
        "history": HISTORY_TABLES,
        "functions": [name for (name,) in database.read(FUNCTIONS, (FUNCTION_NAMES, entities))],
    }
