"""What careful writes need: the dispatch log, stored answers for repeats, functions that change objects in place."""

DISPATCH_LOG = """
CREATE TABLE dispatch_log (
    id uuid PRIMARY KEY,
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    channel text NOT NULL CHECK (channel IN ('push', 'whatsapp', 'call', 'auto_miss')),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'dispatched', 'failed')),
    dispatched_at timestamptz,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1
);
CREATE INDEX dispatch_log_newest ON dispatch_log (created_at, id);
CREATE INDEX dispatch_log_by_task ON dispatch_log (task_id);
CREATE INDEX dispatch_log_open ON dispatch_log (status, created_at, id) WHERE status <> 'dispatched';
CREATE TRIGGER dispatch_log_touch BEFORE UPDATE ON dispatch_log FOR EACH ROW EXECUTE FUNCTION touch_row();
"""

IDEMPOTENCY = """
CREATE TABLE idempotency_keys (
    caller text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    status integer NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
"""

# RFC 7396, section 2. A null column counts as an empty object. Joined, so that thousands of keys cost what they weigh.
MERGE_PATCH = """
CREATE FUNCTION merge_patch(target jsonb, patch jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF patch IS NULL OR jsonb_typeof(patch) <> 'object' THEN
        RETURN patch;
    END IF;
    RETURN (
        SELECT coalesce(
            jsonb_object_agg(
                key, CASE WHEN new.value IS NULL THEN old.value ELSE merge_patch(old.value, new.value) END
            ), '{}'
        )
        FROM jsonb_each(CASE jsonb_typeof(target) WHEN 'object' THEN target ELSE '{}' END) AS old
        FULL JOIN jsonb_each(patch) AS new USING (key)
        WHERE new.value IS NULL OR new.value <> 'null'
    );
END
$$
"""

# FX001 is ours: something is to be added to what is no number.
ADD_NUMBERS = """
CREATE FUNCTION add_numbers(target jsonb, amounts jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    total numeric;
BEGIN
    IF jsonb_typeof(amounts) = 'number' THEN
        IF target IS NOT NULL AND jsonb_typeof(target) NOT IN ('number', 'null') THEN
            RAISE EXCEPTION 'not a number' USING ERRCODE = 'FX001';
        END IF;
        total := amounts::numeric
            + CASE jsonb_typeof(target) WHEN 'number' THEN target::numeric ELSE 0 END;
        IF abs(total) > 1e308 THEN
            RAISE EXCEPTION 'the sum is too large' USING ERRCODE = '22003';
        END IF;
        RETURN to_jsonb(total);
    END IF;
    IF target IS NOT NULL AND jsonb_typeof(target) NOT IN ('object', 'null') THEN
        RAISE EXCEPTION 'not an object' USING ERRCODE = 'FX001';
    END IF;
    RETURN (
        SELECT coalesce(
            jsonb_object_agg(
                key, CASE WHEN new.value IS NULL THEN old.value ELSE add_numbers(old.value, new.value) END
            ), '{}'
        )
        FROM jsonb_each(CASE jsonb_typeof(target) WHEN 'object' THEN target ELSE '{}' END) AS old
        FULL JOIN jsonb_each(amounts) AS new USING (key)
    );
END
$$
"""

# FX002 is ours: another request with the same key is at work. The lock goes with the transaction.
CLAIM = """
CREATE FUNCTION claim_idempotency_key(number bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(number) THEN
        RAISE EXCEPTION 'in progress' USING ERRCODE = 'FX002';
    END IF;
END
$$
"""


def up(migrator, db):
    for statements in (DISPATCH_LOG, IDEMPOTENCY, MERGE_PATCH, ADD_NUMBERS, CLAIM):
        db.execute_sql(statements)


def down(migrator, db):
    db.execute_sql("DROP FUNCTION claim_idempotency_key(bigint), add_numbers(jsonb, jsonb), merge_patch(jsonb, jsonb)")
    db.execute_sql("DROP TABLE idempotency_keys, dispatch_log")
