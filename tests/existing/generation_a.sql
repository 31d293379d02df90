-- Generation A of the Flux databases, the one that the first data service was written for. After supabase.sql.

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL UNIQUE,
    created_at timestamptz DEFAULT now(),
    onboarded boolean DEFAULT false,
    profile jsonb,
    notification_preferences jsonb
);

CREATE TABLE goals (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title text NOT NULL,
    description text,
    class_tags text[],
    status text DEFAULT 'active' CHECK (status IN ('active', 'completed', 'abandoned', 'pipeline')),
    parent_goal_id uuid REFERENCES goals (id),
    pipeline_order integer,
    created_at timestamptz DEFAULT now(),
    activated_at timestamptz,
    completed_at timestamptz,
    target_weeks integer DEFAULT 6,
    plan_json jsonb
);

CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    goal_id uuid REFERENCES goals (id) ON DELETE SET NULL,
    title text NOT NULL,
    description text,
    status text DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'missed', 'rescheduled', 'cancelled')),
    scheduled_at timestamptz,
    duration_minutes integer,
    trigger_type text DEFAULT 'time' CHECK (trigger_type IN ('time', 'location')),
    location_trigger text,
    reminder_sent_at timestamptz,
    whatsapp_sent_at timestamptz,
    call_sent_at timestamptz,
    completed_at timestamptz,
    recurrence_rule text,
    shared_with_goal_ids uuid[],
    created_at timestamptz DEFAULT now()
);

CREATE TABLE conversations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id),
    langgraph_thread_id text NOT NULL UNIQUE,
    context_type text NOT NULL CHECK (context_type IN ('onboarding', 'goal', 'task', 'reschedule', 'voice')),
    created_at timestamptz DEFAULT now(),
    last_message_at timestamptz,
    voice_session_id text,
    extracted_intent text,
    intent_payload jsonb,
    linked_goal_id uuid REFERENCES goals (id),
    linked_task_id uuid REFERENCES tasks (id),
    ended_at timestamptz,
    duration_seconds integer
);

CREATE TABLE messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'function')),
    content text NOT NULL,
    input_modality text NOT NULL DEFAULT 'text' CHECK (input_modality IN ('voice', 'text')),
    metadata jsonb DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE patterns (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    pattern_type text,
    description text,
    data jsonb,
    confidence double precision,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE notification_log (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks (id),
    channel text NOT NULL CHECK (channel IN ('push', 'whatsapp', 'call')),
    sent_at timestamptz,
    response text,
    responded_at timestamptz
);

CREATE INDEX idx_users_created_at ON users (created_at);
CREATE INDEX idx_goals_user_id ON goals (user_id);
CREATE INDEX idx_goals_status ON goals (status);
CREATE INDEX idx_goals_user_status_order ON goals (user_id, status, pipeline_order);
CREATE INDEX idx_goals_parent_goal_id ON goals (parent_goal_id);
CREATE INDEX idx_goals_class_tags ON goals USING gin (class_tags);
CREATE INDEX idx_tasks_user_id ON tasks (user_id);
CREATE INDEX idx_tasks_status ON tasks (status);
CREATE INDEX idx_tasks_goal_id ON tasks (goal_id);
CREATE INDEX idx_tasks_user_scheduled_status ON tasks (user_id, scheduled_at, status);
CREATE INDEX idx_tasks_user_created ON tasks (user_id, created_at);
CREATE INDEX idx_tasks_pending_scheduled ON tasks (scheduled_at) WHERE status = 'pending';
CREATE INDEX idx_conversations_user_id ON conversations (user_id);
CREATE INDEX idx_conversations_user_last_message ON conversations (user_id, last_message_at DESC);
CREATE INDEX idx_conversations_voice_session ON conversations (voice_session_id) WHERE voice_session_id IS NOT NULL;
CREATE INDEX idx_conversations_linked_goal_id ON conversations (linked_goal_id);
CREATE INDEX idx_conversations_linked_task_id ON conversations (linked_task_id);
CREATE INDEX idx_messages_conversation_id ON messages (conversation_id);
CREATE INDEX idx_messages_conversation_created ON messages (conversation_id, created_at);
CREATE INDEX idx_patterns_user_id ON patterns (user_id);
CREATE INDEX idx_patterns_user_type ON patterns (user_id, pattern_type);
CREATE INDEX idx_notification_log_task_id ON notification_log (task_id);
CREATE INDEX idx_notification_log_sent_at ON notification_log (sent_at);

-- The search_path is the caller's here, as in the old projects: that of the sign-up is `auth`.
CREATE FUNCTION handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.users (id, email, created_at, onboarded)
    VALUES (NEW.id, NEW.email, NEW.created_at, false)
    ON CONFLICT (id) DO NOTHING;
    RETURN NEW;
END
$$;
CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.handle_new_user();

CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END
$$;
CREATE TRIGGER trg_patterns_updated_at BEFORE UPDATE ON patterns
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

-- How many days in a row, up to the last one on which a task was done.
CREATE FUNCTION calculate_streak(p_user_id uuid) RETURNS integer LANGUAGE plpgsql STABLE AS $$
DECLARE
    streak integer := 0;
    last_day date;
    day date;
BEGIN
    FOR day IN
        SELECT DISTINCT (completed_at AT TIME ZONE 'UTC')::date AS done_on FROM tasks
        WHERE user_id = p_user_id AND status = 'done' AND completed_at IS NOT NULL ORDER BY done_on DESC
    LOOP
        EXIT WHEN last_day IS NOT NULL AND day <> last_day - 1;
        streak := streak + 1;
        last_day := day;
    END LOOP;
    RETURN streak;
END
$$;

CREATE MATERIALIZED VIEW user_weekly_stats AS
SELECT user_id,
    date_trunc('week', scheduled_at AT TIME ZONE 'UTC') AS week,
    count(*) AS total_tasks,
    count(*) FILTER (WHERE status = 'done') AS done_tasks,
    count(*) FILTER (WHERE status = 'missed') AS missed_tasks
FROM tasks GROUP BY 1, 2;
CREATE UNIQUE INDEX idx_user_weekly_stats ON user_weekly_stats (user_id, week);

CREATE MATERIALIZED VIEW missed_by_category AS
SELECT tasks.user_id, tag AS category, count(*) AS missed_count
FROM tasks JOIN goals ON goals.id = tasks.goal_id CROSS JOIN LATERAL unnest(goals.class_tags) AS tag
WHERE tasks.status = 'missed' GROUP BY 1, 2;
CREATE UNIQUE INDEX idx_missed_by_category ON missed_by_category (user_id, category);

-- What the browser app shows: tasks with their goals. It sees what its user may see.
CREATE VIEW task_overview AS
SELECT tasks.id, tasks.user_id, tasks.title, tasks.status, tasks.scheduled_at, tasks.duration_minutes,
    goals.title AS goal_title, goals.class_tags AS goal_tags
FROM tasks LEFT JOIN goals ON goals.id = tasks.goal_id
WHERE tasks.user_id = auth.uid();
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW task_overview SET (security_invoker = true);
    END IF;
END
$$;

-- messages has no row level security in this generation.
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE patterns ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Users manage own row" ON users USING (auth.uid() = id);
CREATE POLICY "Users manage own goals" ON goals USING (auth.uid() = user_id);
CREATE POLICY "Users manage own tasks" ON tasks USING (auth.uid() = user_id);
CREATE POLICY "Users manage own conversations" ON conversations USING (auth.uid() = user_id);
CREATE POLICY "Users manage own patterns" ON patterns USING (auth.uid() = user_id);
CREATE POLICY "Users manage own notifications" ON notification_log
    USING (EXISTS (SELECT 1 FROM tasks WHERE tasks.id = notification_log.task_id AND tasks.user_id = auth.uid()));
