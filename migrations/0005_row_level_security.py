"""Row level security on every table, functions with a search path of their own, a default for each id, mended rows."""

ENTITIES = (
    "users",
    "goals",
    "conversations",
    "tasks",
    "messages",
    "patterns",
    "notification_log",
    "dispatch_log",
)
TABLES = (*ENTITIES, "idempotency_keys", "api_keys", "mended_rows", "schema_migration")
FUNCTIONS = (
    "touch_row()",
    "merge_patch(jsonb, jsonb)",
    "add_numbers(jsonb, jsonb)",
    "claim_idempotency_key(bigint)",
)

# The rows that `flask db upgrade --mend` changed, whole and as they were.
MENDED_ROWS = """
CREATE TABLE mended_rows (
    "table" text NOT NULL,
    id uuid NOT NULL,
    "row" jsonb NOT NULL,
    rule text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("table", id, rule, at)
)
"""


def up(migrator, db):
    db.execute_sql(MENDED_ROWS)
    for table in ENTITIES:
        db.execute_sql(f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT gen_random_uuid()")
    db.execute_sql("ALTER TABLE conversations ALTER COLUMN context_type SET DEFAULT 'general'")
    for table in TABLES:
        db.execute_sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    for function in FUNCTIONS:
        db.execute_sql(f"ALTER FUNCTION {function} SET search_path = public, pg_temp")


def down(migrator, db):
    for function in FUNCTIONS:
        db.execute_sql(f"ALTER FUNCTION {function} RESET search_path")
    for table in TABLES:
        db.execute_sql(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    db.execute_sql("ALTER TABLE conversations ALTER COLUMN context_type DROP DEFAULT")
    for table in ENTITIES:
        db.execute_sql(f"ALTER TABLE {table} ALTER COLUMN id DROP DEFAULT")
    db.execute_sql("DROP TABLE mended_rows")
