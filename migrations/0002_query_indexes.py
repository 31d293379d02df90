"""Indexes for what callers ask: open work by time, a person's rows by status and by recency, phone numbers."""

MADE = """
CREATE INDEX tasks_by_user_and_status ON tasks (user_id, status, scheduled_at, id);
CREATE INDEX tasks_pending ON tasks (scheduled_at, id) WHERE status = 'pending';
CREATE INDEX goals_by_user_and_status ON goals (user_id, status, pipeline_order);
CREATE INDEX conversations_by_user_and_recency ON conversations (user_id, last_message_at, id);
CREATE INDEX conversations_by_voice_session ON conversations (voice_session_id) WHERE voice_session_id IS NOT NULL;
CREATE INDEX messages_newest ON messages (created_at, id);
CREATE INDEX notification_log_by_age ON notification_log (created_at, id);
CREATE INDEX notification_log_by_sending ON notification_log (sent_at, id);
CREATE INDEX users_by_phone ON users
    ((regexp_replace(notification_preferences ->> 'phone_number', '\\D', '', 'g')));
"""

# Each is the beginning of one of the above, or has its order of nulls in a way that only one direction can use.
REPLACED = {
    "goals_by_user": "goals (user_id)",
    "conversations_by_user": "conversations (user_id)",
    "notification_log_newest": "notification_log (sent_at DESC NULLS LAST, id DESC)",
}


def up(migrator, db):
    db.execute_sql(MADE)
    for name in REPLACED:
        db.execute_sql(f"DROP INDEX {name}")


def down(migrator, db):
    for name, columns in REPLACED.items():
        db.execute_sql(f"CREATE INDEX {name} ON {columns}")
    for line in MADE.strip().splitlines():
        if line.startswith("CREATE INDEX"):
            db.execute_sql(f"DROP INDEX {line.split()[2]}")
