-- Generation B of the Flux databases, the later one. After supabase.sql.

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL UNIQUE,
    created_at timestamptz DEFAULT now(),
    onboarded boolean DEFAULT false,
    profile jsonb,
    notification_preferences jsonb DEFAULT '{"push": true, "whatsapp": false, "call": false}',
    timezone text NOT NULL DEFAULT 'UTC',
    phone_verified boolean DEFAULT false,
    whatsapp_opt_in_at timestamptz,
    push_subscription jsonb,
    monthly_token_usage jsonb DEFAULT '{"total": 0, "openai": 0, "anthropic": 0, "reset_at": null}',
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE goals (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title text NOT NULL,
    description text,
    class_tags text[] DEFAULT '{}',
    status text NOT NULL CHECK (status IN ('active', 'completed', 'abandoned', 'pipeline')),
    parent_goal_id uuid REFERENCES goals (id),
    pipeline_order integer,
    created_at timestamptz DEFAULT now(),
    activated_at timestamptz,
    completed_at timestamptz,
    target_weeks integer DEFAULT 6,
    plan_json jsonb
);

CREATE TABLE conversations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    langgraph_thread_id text NOT NULL UNIQUE,
    context_type text CHECK (context_type IN ('onboarding', 'goal', 'task', 'reschedule', 'general')),
    created_at timestamptz DEFAULT now(),
    last_message_at timestamptz,
    title text
);

CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    goal_id uuid REFERENCES goals (id),
    title text NOT NULL,
    description text,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'done', 'missed', 'rescheduled', 'cancelled')),
    scheduled_at timestamptz,
    duration_minutes integer,
    trigger_type text CHECK (trigger_type IN ('time', 'location')),
    location_trigger text,
    reminder_sent_at timestamptz,
    whatsapp_sent_at timestamptz,
    call_sent_at timestamptz,
    completed_at timestamptz,
    recurrence_rule text,
    shared_with_goal_ids uuid[] DEFAULT '{}',
    created_at timestamptz DEFAULT now(),
    class_tags text[] DEFAULT '{}',
    escalation_policy text NOT NULL DEFAULT 'standard'
        CHECK (escalation_policy IN ('silent', 'standard', 'aggressive')),
    conversation_id uuid REFERENCES conversations (id),
    canonical_scheduled_at timestamptz
);

CREATE TABLE messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'summary')),
    content text NOT NULL,
    metadata jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now(),
    agent_node text,
    tokens_used integer DEFAULT 0,
    provider text
);

CREATE TABLE patterns (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    pattern_type text NOT NULL,
    description text,
    data jsonb,
    confidence double precision CHECK (confidence >= 0 AND confidence <= 1),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    pattern_key text
);

CREATE TABLE notification_log (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    channel text NOT NULL CHECK (channel IN ('push', 'whatsapp', 'call')),
    sent_at timestamptz DEFAULT now(),
    response text CHECK (response IN ('done', 'reschedule', 'missed', 'no_response')),
    responded_at timestamptz,
    external_id text
);

CREATE TABLE dispatch_log (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    channel text NOT NULL CHECK (channel IN ('push', 'whatsapp', 'call', 'auto_miss')),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'dispatched', 'failed')),
    created_at timestamptz DEFAULT now(),
    dispatched_at timestamptz,
    error text
);

CREATE INDEX idx_goals_user_id ON goals (user_id);
CREATE INDEX idx_goals_status ON goals (status);
CREATE INDEX idx_goals_parent_goal_id ON goals (parent_goal_id);
CREATE INDEX idx_goals_newest ON goals (created_at, id);
CREATE UNIQUE INDEX goals_user_pipeline_order_unique ON goals (user_id, pipeline_order)
    WHERE status IN ('pipeline', 'active');
CREATE INDEX idx_tasks_user_id ON tasks (user_id);
CREATE INDEX idx_tasks_status ON tasks (status);
CREATE INDEX idx_tasks_goal_id ON tasks (goal_id);
CREATE INDEX idx_tasks_user_scheduled_status ON tasks (user_id, scheduled_at, status);
CREATE INDEX idx_tasks_conversation_id ON tasks (conversation_id);
CREATE INDEX idx_tasks_due ON tasks (scheduled_at, id) WHERE status = 'pending';
CREATE INDEX idx_tasks_class_tags ON tasks USING gin (class_tags);
CREATE INDEX idx_conversations_user_id ON conversations (user_id);
CREATE INDEX idx_conversations_user_last_message ON conversations (user_id, last_message_at DESC);
CREATE INDEX idx_messages_conversation_id ON messages (conversation_id);
CREATE INDEX idx_messages_conversation_created ON messages (conversation_id, created_at, id);
CREATE INDEX idx_patterns_user_type_key ON patterns (user_id, pattern_type, pattern_key);
CREATE INDEX idx_patterns_updated_at ON patterns (updated_at DESC);
CREATE UNIQUE INDEX idx_notification_log_external_id ON notification_log (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX idx_notification_log_task_id ON notification_log (task_id);
CREATE INDEX idx_notification_log_sent_at ON notification_log (sent_at);
CREATE INDEX idx_dispatch_log_task_id ON dispatch_log (task_id);
CREATE INDEX idx_dispatch_log_status ON dispatch_log (status, created_at);

-- Without a search_path, as Supabase advises: whatever this INSERT sets off must find its tables and functions itself.
CREATE FUNCTION handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO public.users (id, email, profile)
    VALUES (
        NEW.id,
        NEW.email,
        jsonb_build_object('name', coalesce(NEW.raw_user_meta_data ->> 'full_name', NEW.raw_user_meta_data ->> 'name'))
    )
    ON CONFLICT (id) DO NOTHING;
    RETURN NEW;
END
$$;
CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.handle_new_user();

CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END
$$;
CREATE TRIGGER trg_users_updated_at BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE FUNCTION update_patterns_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END
$$;
CREATE TRIGGER trigger_patterns_updated_at BEFORE UPDATE ON patterns
    FOR EACH ROW EXECUTE FUNCTION update_patterns_updated_at();

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
FROM tasks LEFT JOIN goals ON goals.id = tasks.goal_id
CROSS JOIN LATERAL unnest(coalesce(nullif(tasks.class_tags, '{}'), goals.class_tags)) AS tag
WHERE tasks.status = 'missed' GROUP BY 1, 2;
CREATE UNIQUE INDEX idx_missed_by_category ON missed_by_category (user_id, category);

CREATE MATERIALIZED VIEW activity_heatmap AS
SELECT user_id,
    extract(isodow FROM scheduled_at AT TIME ZONE 'UTC')::integer AS day_of_week,
    extract(hour FROM scheduled_at AT TIME ZONE 'UTC')::integer AS hour_of_day,
    count(*) AS total_tasks,
    count(*) FILTER (WHERE status = 'done') AS done_tasks
FROM tasks WHERE scheduled_at IS NOT NULL GROUP BY 1, 2, 3;
CREATE UNIQUE INDEX idx_activity_heatmap ON activity_heatmap (user_id, day_of_week, hour_of_day);

CREATE FUNCTION refresh_analytics() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.user_weekly_stats;
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.missed_by_category;
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.activity_heatmap;
    RETURN NULL;
END
$$;
CREATE TRIGGER trigger_refresh_analytics AFTER INSERT OR UPDATE OR DELETE ON tasks
    FOR EACH STATEMENT EXECUTE FUNCTION refresh_analytics();

-- What the browser app shows: tasks with their goals. It sees what its user may see.
CREATE VIEW task_overview AS
SELECT tasks.id, tasks.user_id, tasks.title, tasks.status, tasks.scheduled_at, tasks.duration_minutes,
    tasks.escalation_policy, tasks.class_tags, goals.title AS goal_title
FROM tasks LEFT JOIN goals ON goals.id = tasks.goal_id
WHERE tasks.user_id = auth.uid();
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW task_overview SET (security_invoker = true);
    END IF;
END
$$;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE patterns ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE dispatch_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Users manage own row" ON users USING (auth.uid() = id);
CREATE POLICY "Users manage own goals" ON goals USING (auth.uid() = user_id);
CREATE POLICY "Users manage own tasks" ON tasks USING (auth.uid() = user_id);
CREATE POLICY "Users manage own conversations" ON conversations USING (auth.uid() = user_id);
CREATE POLICY "Users manage own patterns" ON patterns USING (auth.uid() = user_id);
CREATE POLICY "Users manage own messages" ON messages USING (
    EXISTS (
        SELECT 1 FROM conversations
        WHERE conversations.id = messages.conversation_id AND conversations.user_id = auth.uid()
    )
);
CREATE POLICY "Users manage own notifications" ON notification_log
    USING (EXISTS (SELECT 1 FROM tasks WHERE tasks.id = notification_log.task_id AND tasks.user_id = auth.uid()));
CREATE POLICY "Users manage own dispatches" ON dispatch_log
    USING (EXISTS (SELECT 1 FROM tasks WHERE tasks.id = dispatch_log.task_id AND tasks.user_id = auth.uid()));
