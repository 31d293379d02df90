"""E-mail addresses are unique whatever their case, and stored as they came."""

REFUSE_TWINS = """
DO $$
DECLARE
    addresses bigint;
BEGIN
    SELECT count(*) INTO addresses
        FROM (SELECT FROM users GROUP BY lower(email) HAVING count(*) > 1) AS several;
    IF addresses > 0 THEN
        RAISE EXCEPTION '%', format('%s e-mail addresses belong to several users that write them in different case, '
            'and an address may have one user only. Change or delete the others, then migrate again; '
            'SELECT lower(email), array_agg(id) FROM users GROUP BY 1 HAVING count(*) > 1 lists them.', addresses);
    END IF;
END
$$
"""

# An older program's constraint stays beside it: its ON CONFLICT (email) needs that.
UP = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'users'::regclass AND conname = 'users_email_key') THEN
        ALTER INDEX users_email_key RENAME TO users_email_key1;
    ELSE
        DROP INDEX users_email_key;
    END IF;
    CREATE UNIQUE INDEX users_email_key ON users (lower(email));
END
$$
"""
DOWN = """
DO $$
BEGIN
    DROP INDEX users_email_key;
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'users'::regclass AND conname = 'users_email_key1') THEN
        ALTER INDEX users_email_key1 RENAME TO users_email_key;
    ELSE
        CREATE UNIQUE INDEX users_email_key ON users (email);
    END IF;
END
$$
"""


def up(migrator, db):
    db.execute_sql(REFUSE_TWINS)
    db.execute_sql(UP)


def down(migrator, db):
    db.execute_sql(DOWN)
