"""Who else may touch what is ours. On Supabase every new table and function is open to the browser's key otherwise."""

from dataclasses import dataclass

from app import models
from app.database import database, migrations
from app.upgrades.log import LOG

# The role, or a group of roles, that docs/database-role.md lets serve.
SERVICE_ROLE = "flux_service"
# Supabase's roles for whoever has the browser's key, signed in or not.
BROWSER_ROLES = ("anon", "authenticated")
# And for whoever has the secret key of the project's own servers, older programs among them.
SERVERS_ROLE = "service_role"

ENTITY_TABLES = tuple(models.ENTITIES)
HISTORY_TABLES = (migrations.TABLE, LOG)
INTERNAL_TABLES = (*(model._meta.table_name for model in models.INTERNAL), *HISTORY_TABLES)

FUNCTION_NAMES = ("touch_row", "merge_patch", "add_numbers", "bounded_object", "claim_idempotency_key")

ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%s)"
# Those of the migrations, and those that taking over a database made for triggers of the same name.
FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND (
    p.proname = ANY (%(functions)s)
    OR EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
               WHERE t.tgfoid = p.oid AND t.tgname = p.proname AND c.relname = ANY (%(tables)s))
)
"""
WITHOUT_POLICY = """
SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%s)
    AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = %s)
"""
WITH_POLICY = WITHOUT_POLICY.replace("NOT EXISTS", "EXISTS")
# Whoever is neither an owner nor an administrator nor the service, and may do something all the same.
STRANGERS = """
WITH ours AS (
    SELECT oid, relname, relowner, relrowsecurity FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY (%(tables)s)
), strangers AS (
    SELECT oid, rolname FROM pg_roles AS r
    WHERE NOT rolsuper AND NOT rolbypassrls AND rolname !~ '^pg_' AND rolname <> current_user
        AND NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = %(service)s AND pg_has_role(r.oid, s.oid, 'USAGE'))
        AND NOT EXISTS (SELECT FROM ours WHERE pg_has_role(r.oid, ours.relowner, 'USAGE'))
), permissive AS (
    SELECT p.polrelid, p.polname, s.oid AS role FROM pg_policy p CROSS JOIN strangers s
    WHERE p.polpermissive AND 'true' IN (pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
        AND EXISTS (SELECT FROM unnest(p.polroles) AS r (oid)
                    WHERE r.oid = 0 OR pg_has_role(s.oid, nullif(r.oid, 0), 'USAGE'))
), openings AS (
    SELECT s.rolname, 'read or write ' || o.relname AS what,
        format('ALTER TABLE %%I ENABLE ROW LEVEL SECURITY', o.relname) AS cure
    FROM ours o CROSS JOIN strangers s
    WHERE NOT o.relrowsecurity AND (has_any_column_privilege(s.oid, o.oid, 'SELECT, INSERT, UPDATE')
                                    OR has_table_privilege(s.oid, o.oid, 'DELETE'))
    UNION ALL
    SELECT s.rolname, 'read or write all of ' || o.relname, format('DROP POLICY %%I ON %%I', p.polname, o.relname)
    FROM ours o JOIN permissive p ON p.polrelid = o.oid JOIN strangers s ON s.oid = p.role
    WHERE o.relrowsecurity AND (has_any_column_privilege(s.oid, o.oid, 'SELECT, INSERT, UPDATE')
                                OR has_table_privilege(s.oid, o.oid, 'DELETE'))
    UNION ALL
    SELECT s.rolname, 'empty ' || o.relname, format('REVOKE TRUNCATE ON %%I FROM PUBLIC', o.relname)
    FROM ours o CROSS JOIN strangers s WHERE has_table_privilege(s.oid, o.oid, 'TRUNCATE')
    UNION ALL
    -- A materialized view is read without the policies of its tables, and so is a view that does not ask for them.
    SELECT s.rolname, 'read ' || o.relname || ' in the view ' || v.oid::regclass,
        format('REVOKE ALL ON %%s FROM PUBLIC', v.oid::regclass)
    FROM ours o JOIN pg_depend d ON d.refobjid = o.oid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class CROSS JOIN strangers s
    WHERE has_any_column_privilege(s.oid, v.oid, 'SELECT') AND v.relkind IN ('m', 'v')
        AND NOT coalesce(v.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
    UNION ALL
    SELECT s.rolname, 'call ' || f.name, format('REVOKE ALL ON FUNCTION %%s FROM PUBLIC', f.name)
    FROM (SELECT unnest(%(found)s::text[]) AS name) f CROSS JOIN strangers s
    WHERE has_function_privilege(s.oid, f.name, 'EXECUTE')
)
SELECT string_agg(DISTINCT rolname, ', '), what,
    CASE WHEN cure LIKE 'REVOKE%%' THEN cure || string_agg(DISTINCT ', ' || quote_ident(rolname), '')
         ELSE cure END
FROM openings GROUP BY what, cure ORDER BY what
"""


@dataclass(frozen=True)
class Opening:
    """What roles can do that are neither the owner's nor the service's, and the statement that ends it."""

    roles: str
    what: str
    statement: str


def openings() -> list[Opening]:
    """What others than the owner, administrators and the service can do with what is ours."""
    tables = [*ENTITY_TABLES, *INTERNAL_TABLES]
    named = {"tables": tables, "service": SERVICE_ROLE, "found": _functions()}
    return [Opening(*row) for row in database.read(STRANGERS, named)]


def close() -> None:
    """Take from everybody but the owner and the service what nobody else needs. Needs a transaction; can be repeated.

    Row level security, which the migrations enable, holds other roles off the rows. It holds nobody off a TRUNCATE or
    a function, and what is internal to the service is nobody's business at all.
    """
    database.execute_sql("SET LOCAL search_path = public")
    roles = {name for (name,) in database.read(ROLES, ([*BROWSER_ROLES, SERVERS_ROLE, SERVICE_ROLE],))}
    strangers = ", ".join(["PUBLIC", *(name for name in BROWSER_ROLES if name in roles)])
    everybody = f"{strangers}, {SERVERS_ROLE}" if SERVERS_ROLE in roles else strangers
    for table in _present(INTERNAL_TABLES):
        database.execute_sql(f"REVOKE ALL ON TABLE {table} FROM {everybody}")
    for table in _present(ENTITY_TABLES):
        database.execute_sql(f"REVOKE {_beside_rows()} ON TABLE {table} FROM {strangers}")
    for sequence in _present(tuple(f"{table}_row_order_seq" for table in ENTITY_TABLES)):
        database.execute_sql(f"REVOKE ALL ON SEQUENCE {sequence} FROM {strangers}")
    database.execute_sql(f"REVOKE ALL ON SEQUENCE {migrations.TABLE}_id_seq FROM {everybody}")
    for function in _functions():
        database.execute_sql(f"REVOKE ALL ON FUNCTION {function} FROM {strangers}")
    if SERVICE_ROLE in roles:
        _let_the_service_through()


def withdraw() -> None:
    """Take away the policies that let the service through."""
    tables = [*ENTITY_TABLES, *INTERNAL_TABLES]
    for (table,) in database.read(WITH_POLICY, (tables, SERVICE_ROLE)):
        database.execute_sql(f"DROP POLICY {SERVICE_ROLE} ON {table}")


def _let_the_service_through() -> None:
    tables = [*ENTITY_TABLES, *INTERNAL_TABLES]
    for (table,) in database.read(WITHOUT_POLICY, (tables, SERVICE_ROLE)):
        # What a downgrade executes, and which migrations there were, is the owner's to write.
        allowed = "FOR SELECT TO {} USING (true)" if table in HISTORY_TABLES else "TO {} USING (true) WITH CHECK (true)"
        database.execute_sql(f"CREATE POLICY {SERVICE_ROLE} ON {table} {allowed.format(SERVICE_ROLE)}")


def _beside_rows() -> str:
    """The rights on a table that row level security does not hold."""
    [(version,)] = database.read("SELECT current_setting('server_version_num')::int")
    return "TRUNCATE, REFERENCES, TRIGGER, MAINTAIN" if version >= 170_000 else "TRUNCATE, REFERENCES, TRIGGER"


def _functions() -> list[str]:
    named = {"functions": list(FUNCTION_NAMES), "tables": list(ENTITY_TABLES)}
    return [name for (name,) in database.read(FUNCTIONS, named)]


def _present(tables: tuple[str, ...]) -> list[str]:
    return [name for (name,) in database.read(TABLES, (list(tables),))]
