"""Who else may touch what is ours. On Supabase every new table and function is open to the browser's key otherwise."""

from app import models
from app.database import database, migrations
from app.upgrades.log import LOG

# The role, or a group of roles, that docs/database-role.md lets serve.
SERVICE_ROLE = "flux_service"
# Supabase's roles for whoever has the browser's key, signed in or not.
BROWSER_ROLES = ("anon", "authenticated")

ENTITY_TABLES = tuple(model._meta.table_name for model in models.ENTITIES)
INTERNAL_TABLES = (*(model._meta.table_name for model in models.INTERNAL), migrations.TABLE, LOG)

ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%s)"
# Ours have the search path that the migrations and the taking over give them.
FUNCTIONS = """
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND 'search_path=public, pg_temp' = ANY (proconfig)
    AND proowner = current_user::regrole AND NOT prosecdef
"""
WITHOUT_POLICY = """
SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%s)
    AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = %s)
"""


def close() -> None:
    """Take from everybody but the owner and the service what nobody else needs. Needs a transaction; can be repeated.

    Row level security, which the migrations enable, holds other roles off the rows. It holds nobody off a TRUNCATE or
    a function, and what is internal to the service is nobody's business at all.
    """
    database.execute_sql("SET LOCAL search_path = public")
    roles = {name for (name,) in database.read(ROLES, ([*BROWSER_ROLES, SERVICE_ROLE],))}
    strangers = ", ".join(["PUBLIC", *(name for name in BROWSER_ROLES if name in roles)])
    for table in _present(INTERNAL_TABLES):
        database.execute_sql(f"REVOKE ALL ON TABLE {table} FROM {strangers}")
    for table in _present(ENTITY_TABLES):
        database.execute_sql(f"REVOKE TRUNCATE, REFERENCES, TRIGGER ON TABLE {table} FROM {strangers}")
    database.execute_sql(f"REVOKE ALL ON SEQUENCE {migrations.TABLE}_id_seq FROM {strangers}")
    for (function,) in database.read(FUNCTIONS):
        database.execute_sql(f"REVOKE ALL ON FUNCTION {function} FROM {strangers}")
    if SERVICE_ROLE in roles:
        _let_the_service_through()


def _let_the_service_through() -> None:
    tables = [*ENTITY_TABLES, *INTERNAL_TABLES]
    for (table,) in database.read(WITHOUT_POLICY, (tables, SERVICE_ROLE)):
        database.execute_sql(
            f"CREATE POLICY {SERVICE_ROLE} ON {table} TO {SERVICE_ROLE} USING (true) WITH CHECK (true)"
        )


def _present(tables: tuple[str, ...]) -> list[str]:
    return [name for (name,) in database.read(TABLES, (list(tables),))]
