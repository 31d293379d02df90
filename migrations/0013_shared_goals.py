"""The goals that a task is shared with exist, as with any reference; and no goal is its own parent."""

# At the statement's end, so that rows of one statement may refer to each other. The goals are locked as a reference's
# row is: none of them goes before this is committed. What an older program left in a list may stay there.
CHECK_GOALS = """
CREATE FUNCTION tasks_shared_with_goal_ids_fkey() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    added CONSTANT uuid[] := ARRAY(
        SELECT unnest(NEW.shared_with_goal_ids) EXCEPT SELECT unnest(OLD.shared_with_goal_ids)
    );
    missing uuid;
BEGIN
    PERFORM FROM goals WHERE id = ANY (added) ORDER BY id FOR KEY SHARE;
    SELECT shared.id INTO missing FROM unnest(added) AS shared (id)
        WHERE NOT EXISTS (SELECT FROM goals WHERE goals.id = shared.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'shared_with_goal_ids of a task names no goal' USING ERRCODE = 'foreign_key_violation',
            DETAIL = format('Key (shared_with_goal_ids)=(%s) is not present in table "goals".', missing),
            TABLE = 'tasks', CONSTRAINT = 'tasks_shared_with_goal_ids_fkey';
    END IF;
    RETURN NULL;
END
$$
"""
FORGET_GOALS = """
CREATE FUNCTION goals_leave_shared_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET shared_with_goal_ids = ARRAY(
        SELECT shared.id FROM unnest(shared_with_goal_ids) WITH ORDINALITY AS shared (id, place)
        WHERE shared.id NOT IN (SELECT id FROM gone) ORDER BY place
    ) WHERE shared_with_goal_ids && (SELECT array_agg(id) FROM gone);
    RETURN NULL;
END
$$
"""
TRIGGERS = """
CREATE TRIGGER tasks_shared_with_goal_ids_fkey AFTER INSERT OR UPDATE OF shared_with_goal_ids ON tasks
    FOR EACH ROW WHEN (cardinality(NEW.shared_with_goal_ids) > 0) EXECUTE FUNCTION tasks_shared_with_goal_ids_fkey();
CREATE TRIGGER goals_leave_shared_tasks AFTER DELETE ON goals REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION goals_leave_shared_tasks()
"""
FUNCTIONS = ("tasks_shared_with_goal_ids_fkey()", "goals_leave_shared_tasks()")
# What is there already.
MEND = """
UPDATE tasks SET shared_with_goal_ids = ARRAY(
    SELECT shared.id FROM unnest(shared_with_goal_ids) WITH ORDINALITY AS shared (id, place)
    JOIN goals ON goals.id = shared.id ORDER BY place
) WHERE EXISTS (
    SELECT FROM unnest(shared_with_goal_ids) AS shared (id)
    WHERE NOT EXISTS (SELECT FROM goals WHERE goals.id = shared.id)
);
UPDATE goals SET parent_goal_id = NULL WHERE parent_goal_id = id
"""


def up(migrator, db):
    db.execute_sql(MEND)
    db.execute_sql("ALTER TABLE goals ADD CONSTRAINT goals_parent_goal_id_check CHECK (parent_goal_id <> id)")
    db.execute_sql("CREATE INDEX tasks_by_shared_goal ON tasks USING gin (shared_with_goal_ids)")
    for statement in (CHECK_GOALS, FORGET_GOALS, TRIGGERS):
        db.execute_sql(statement)
    for function in FUNCTIONS:
        db.execute_sql(f"ALTER FUNCTION {function} SET search_path = public, pg_temp")


def down(migrator, db):
    db.execute_sql("DROP TRIGGER tasks_shared_with_goal_ids_fkey ON tasks")
    db.execute_sql("DROP TRIGGER goals_leave_shared_tasks ON goals")
    db.execute_sql(f"DROP FUNCTION {', '.join(FUNCTIONS)}")
    db.execute_sql("DROP INDEX tasks_by_shared_goal")
    db.execute_sql("ALTER TABLE goals DROP CONSTRAINT goals_parent_goal_id_check")
