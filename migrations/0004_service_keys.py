"""The keys of callers: their names, scopes and ends, and of the keys themselves only SHA-256."""

TABLE = """
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    replaced_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE UNIQUE INDEX api_keys_digest_key ON api_keys (digest);
-- A name has one key, but for the time in which an old one and the one that replaces it both work.
CREATE UNIQUE INDEX api_keys_name_key ON api_keys (name) WHERE replaced_at IS NULL AND revoked_at IS NULL;
"""


def up(migrator, db):
    db.execute_sql(TABLE)


def down(migrator, db):
    db.execute_sql("DROP TABLE api_keys")
