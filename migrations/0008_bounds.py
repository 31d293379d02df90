"""A repeat finds its answer before anything is done; objects that grow by merges and sums have a bound."""

# FX003 is ours: the key has an answer. Both texts travel as the hexadecimal digits of their UTF-8. The function
# with one argument also serves instances that still run the code before this.
CLAIM = """
CREATE FUNCTION claim_idempotency_key(number bigint, caller_hex text, key_hex text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM claim_idempotency_key(number);
    PERFORM FROM idempotency_keys
    WHERE caller = convert_from(decode(caller_hex, 'hex'), 'UTF8')
      AND key = convert_from(decode(key_hex, 'hex'), 'UTF8')
      AND expires_at > now();
    IF FOUND THEN
        RAISE EXCEPTION 'answered' USING ERRCODE = 'FX003';
    END IF;
END
$$
"""

# FX004 is ours. What is too large already, from before there was a bound, may shrink.
BOUNDED = """
CREATE FUNCTION bounded_object(was jsonb, becomes jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    most CONSTANT integer := 1048576;
    size CONSTANT integer := octet_length(becomes::text);
BEGIN
    IF size > most AND size > coalesce(octet_length(was::text), 0) THEN
        RAISE EXCEPTION 'the object is too large' USING ERRCODE = 'FX004';
    END IF;
    RETURN becomes;
END
$$
"""

FUNCTIONS = ("claim_idempotency_key(bigint, text, text)", "bounded_object(jsonb, jsonb)")


def up(migrator, db):
    db.execute_sql(CLAIM)
    db.execute_sql(BOUNDED)
    for function in FUNCTIONS:
        db.execute_sql(f"ALTER FUNCTION {function} SET search_path = public, pg_temp")


def down(migrator, db):
    db.execute_sql(f"DROP FUNCTION {', '.join(FUNCTIONS)}")
