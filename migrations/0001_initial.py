"""The seven tables of the base contract, with their keys, checks and indexes, and the trigger that keeps versions."""

ROW = """
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1
"""

TABLES = {
    "users": """
        id uuid PRIMARY KEY,
        email text NOT NULL CHECK (char_length(email) BETWEEN 1 AND 255),
        onboarded boolean NOT NULL DEFAULT false,
        profile jsonb CHECK (jsonb_typeof(profile) = 'object'),
        notification_preferences jsonb CHECK (jsonb_typeof(notification_preferences) = 'object'),
        timezone text NOT NULL DEFAULT 'UTC',
        phone_verified boolean NOT NULL DEFAULT false,
        whatsapp_opt_in_at timestamptz,
        push_subscription jsonb CHECK (jsonb_typeof(push_subscription) = 'object'),
        monthly_token_usage jsonb CHECK (jsonb_typeof(monthly_token_usage) = 'object')
    """,
    "goals": """
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 500),
        description text,
        class_tags text[],
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed', 'abandoned', 'pipeline')),
        parent_goal_id uuid REFERENCES goals (id) ON DELETE SET NULL,
        pipeline_order integer,
        activated_at timestamptz,
        completed_at timestamptz,
        target_weeks integer NOT NULL DEFAULT 6 CHECK (target_weeks >= 1),
        plan_json jsonb CHECK (jsonb_typeof(plan_json) = 'object')
    """,
    "conversations": """
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        langgraph_thread_id text NOT NULL CHECK (char_length(langgraph_thread_id) >= 1),
        context_type text NOT NULL
            CHECK (context_type IN ('onboarding', 'goal', 'task', 'reschedule', 'voice', 'general')),
        title text,
        last_message_at timestamptz,
        voice_session_id text,
        extracted_intent text,
        intent_payload jsonb CHECK (jsonb_typeof(intent_payload) = 'object'),
        linked_goal_id uuid REFERENCES goals (id) ON DELETE SET NULL,
        linked_task_id uuid,
        ended_at timestamptz,
        duration_seconds integer CHECK (duration_seconds >= 0)
    """,
    "tasks": """
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        goal_id uuid REFERENCES goals (id) ON DELETE SET NULL,
        conversation_id uuid REFERENCES conversations (id) ON DELETE SET NULL,
        title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 500),
        description text,
        status text NOT NULL DEFAULT 'pending'
            CHECK (status IN ('pending', 'done', 'missed', 'rescheduled', 'cancelled')),
        scheduled_at timestamptz,
        duration_minutes integer CHECK (duration_minutes >= 1),
        trigger_type text NOT NULL DEFAULT 'time' CHECK (trigger_type IN ('time', 'location')),
        location_trigger text,
        recurrence_rule text,
        canonical_scheduled_at timestamptz,
        class_tags text[],
        shared_with_goal_ids uuid[],
        escalation_policy text NOT NULL DEFAULT 'standard'
            CHECK (escalation_policy IN ('silent', 'standard', 'aggressive')),
        reminder_sent_at timestamptz,
        whatsapp_sent_at timestamptz,
        call_sent_at timestamptz,
        completed_at timestamptz
    """,
    "messages": """
        id uuid PRIMARY KEY,
        conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        role text NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'function', 'summary')),
        content text NOT NULL CHECK (char_length(content) >= 1),
        input_modality text NOT NULL DEFAULT 'text' CHECK (input_modality IN ('voice', 'text')),
        metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
        agent_node text,
        tokens_used integer CHECK (tokens_used >= 0),
        provider text
    """,
    "patterns": """
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        pattern_type text,
        pattern_key text,
        description text,
        data jsonb CHECK (jsonb_typeof(data) = 'object'),
        confidence double precision CHECK (confidence BETWEEN 0 AND 1)
    """,
    "notification_log": """
        id uuid PRIMARY KEY,
        task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        channel text NOT NULL CHECK (channel IN ('push', 'whatsapp', 'call')),
        external_id text,
        sent_at timestamptz,
        response text,
        responded_at timestamptz
    """,
}

# Conversations and tasks refer to each other, so one of the two keys waits until both tables stand.
LATE_KEY = """
ALTER TABLE conversations ADD CONSTRAINT conversations_linked_task_id_fkey
    FOREIGN KEY (linked_task_id) REFERENCES tasks (id) ON DELETE SET NULL
"""

INDEXES = """
CREATE UNIQUE INDEX users_email_key ON users (email);
CREATE INDEX users_newest ON users (created_at, id);

CREATE UNIQUE INDEX goals_user_id__pipeline_order_key ON goals (user_id, pipeline_order)
    WHERE status IN ('pipeline', 'active');
CREATE INDEX goals_newest ON goals (created_at, id);
CREATE INDEX goals_by_user ON goals (user_id);
CREATE INDEX goals_by_parent ON goals (parent_goal_id);

CREATE UNIQUE INDEX conversations_langgraph_thread_id_key ON conversations (langgraph_thread_id);
CREATE INDEX conversations_newest ON conversations (created_at, id);
CREATE INDEX conversations_by_user ON conversations (user_id);
CREATE INDEX conversations_by_linked_goal ON conversations (linked_goal_id);
CREATE INDEX conversations_by_linked_task ON conversations (linked_task_id);

CREATE INDEX tasks_newest ON tasks (created_at, id);
CREATE INDEX tasks_by_user_and_time ON tasks (user_id, scheduled_at, id);
CREATE INDEX tasks_by_user_and_creation ON tasks (user_id, created_at);
CREATE INDEX tasks_by_goal ON tasks (goal_id);
CREATE INDEX tasks_by_conversation ON tasks (conversation_id);

CREATE INDEX messages_transcript ON messages (conversation_id, created_at, id);

CREATE UNIQUE INDEX patterns_user_id__pattern_type__pattern_key_key ON patterns (user_id, pattern_type, pattern_key)
    WHERE pattern_key IS NOT NULL;
CREATE UNIQUE INDEX patterns_user_id__pattern_key_key ON patterns (user_id, pattern_key)
    WHERE pattern_key IS NOT NULL AND pattern_type IS NULL;
CREATE INDEX patterns_newest ON patterns (updated_at, id);
CREATE INDEX patterns_by_user ON patterns (user_id);

CREATE UNIQUE INDEX notification_log_external_id_key ON notification_log (external_id);
CREATE INDEX notification_log_newest ON notification_log (sent_at DESC NULLS LAST, id DESC);
CREATE INDEX notification_log_by_task ON notification_log (task_id);
"""

# Tasks change often and in columns that no index has. Room in each page keeps such a change out of the indexes (HOT).
ROOM_FOR_CHANGES = "ALTER TABLE tasks SET (fillfactor = 85)"

# In the database, because rows also change where no statement of ours names them: ON DELETE SET NULL.
TOUCH = """
CREATE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$
"""


def up(migrator, db):
    for table, columns in TABLES.items():
        db.execute_sql(f"CREATE TABLE {table} ({columns}, {ROW})")
    db.execute_sql(ROOM_FOR_CHANGES)
    db.execute_sql(LATE_KEY)
    db.execute_sql(INDEXES)
    db.execute_sql(TOUCH)
    for table in TABLES:
        db.execute_sql(
            f"CREATE TRIGGER {table}_touch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION touch_row()"
        )


def down(migrator, db):
    db.execute_sql(f"DROP TABLE {', '.join(TABLES)}")
    db.execute_sql("DROP FUNCTION touch_row()")
