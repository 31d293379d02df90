-- Data to try things out on: people, what they want, what they did about it, and what they said. The same seed makes the
-- same, around the time it is made at. An id is a UUID of version 7 by its form, so that rows can refer to each other.

CREATE OR REPLACE FUNCTION pg_temp.demo_id(kind int, person int, number int = 0) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
SELECT (lpad(to_hex(%(seed)s & 16777215), 6, '0') || lpad(to_hex(kind), 2, '0') || '00007000'
        || to_hex(2147483648 + person) || lpad(to_hex(number), 8, '0'))::uuid
$$;

CREATE OR REPLACE FUNCTION pg_temp.draw(count int, what text, person int, number int = 0) RETURNS int IMMUTABLE LANGUAGE sql AS $$
SELECT ('x' || substr(md5(concat_ws('/', %(seed)s, what, person, number)), 1, 7))::bit(28)::int %% count
$$;

INSERT INTO users (id, email, onboarded, profile, notification_preferences, timezone, phone_verified, created_at, updated_at)
SELECT pg_temp.demo_id(0, person), lower(concat_ws('.', first, last, %(seed)s, person)) || '@example.com', true,
    jsonb_build_object('name', first || ' ' || last),
    jsonb_build_object('phone_number', '+9715' || lpad(pg_temp.draw(100000000, 'phone', person)::text, 8, '0'),
                       'channels', jsonb_build_array('push')),
    (ARRAY['UTC', 'Asia/Dubai', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo', 'Africa/Lagos'])
        [1 + pg_temp.draw(6, 'zone', person)],
    pg_temp.draw(10, 'verified', person) < 7, joined, joined
FROM generate_series(0, %(users)s - 1) person
CROSS JOIN LATERAL (SELECT
    (ARRAY['Ada', 'Ben', 'Chiara', 'Dmitri', 'Elif', 'Fatima', 'Goran', 'Hana', 'Idris', 'Jun', 'Kofi', 'Leila'])
        [1 + pg_temp.draw(12, 'first', person)] AS first,
    (ARRAY['Okafor', 'Lindqvist', 'Moreau', 'Tanaka', 'Haddad', 'Novak', 'Silva', 'Weber', 'Kaya', 'Rossi'])
        [1 + pg_temp.draw(10, 'last', person)] AS last,
    date_trunc('second', now()) - make_interval(days => 60 + person %% 30) AS joined) drawn;

INSERT INTO goals (id, user_id, title, class_tags, status, pipeline_order, activated_at, plan_json, created_at, updated_at)
SELECT pg_temp.demo_id(1, person, number), owner.id, plan.title, ARRAY[tag],
    CASE number WHEN 0 THEN 'active' ELSE 'pipeline' END, number, CASE number WHEN 0 THEN owner.created_at END,
    jsonb_build_object('steps', steps), owner.created_at, owner.created_at
FROM generate_series(0, %(users)s - 1) person
JOIN users owner ON owner.id = pg_temp.demo_id(0, person)
CROSS JOIN (VALUES
    (0, 'Health', 'Run 10 km without a break',
     ARRAY['Run 3 km', 'Stretch for 15 minutes', 'Swim 20 lanes', 'Sleep by 22:30']),
    (1, 'Learning', 'Hold a conversation in Spanish',
     ARRAY['Learn 20 words', 'Listen to a podcast', 'Call a tandem partner']),
    (2, 'Work', 'Finish the thesis',
     ARRAY['Write 500 words', 'Read two papers', 'Answer the supervisor', 'Draw figure 3']),
    (3, 'Home', 'Declutter the flat', ARRAY['Sort one shelf', 'Sell three things', 'Clean the balcony']),
    (4, 'Money', 'Save for a bicycle',
     ARRAY['Note today''s expenses', 'Cook instead of ordering', 'Compare two offers'])
) plan (number, tag, title, steps);

INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, title, last_message_at, linked_goal_id, created_at,
    updated_at)
SELECT pg_temp.demo_id(2, person), pg_temp.demo_id(0, person), concat_ws('-', 'demo', %(seed)s, person), 'reschedule',
    'Moving the mornings', started + interval '4 minutes', pg_temp.demo_id(1, person), started, started
FROM generate_series(0, %(users)s - 1) person
CROSS JOIN LATERAL (SELECT date_trunc('second', now()) - make_interval(days => person %% 60) AS started) drawn;

INSERT INTO messages (id, conversation_id, role, content, input_modality, metadata, tokens_used, created_at, updated_at)
SELECT pg_temp.demo_id(3, person, number), talk.id, role, content, 'text', '{}', length(content) / 4,
    talk.created_at + number * interval '1 minute', talk.created_at + number * interval '1 minute'
FROM generate_series(0, %(users)s - 1) person
JOIN conversations talk ON talk.id = pg_temp.demo_id(2, person)
CROSS JOIN (VALUES
    (0, 'user', 'I keep missing my mornings. Can we move things?'),
    (1, 'assistant', 'Of course. Would the early evening suit you better?'),
    (2, 'user', 'Yes, after work please.'),
    (3, 'assistant', 'Done. I moved this week''s sessions to 18:30.')
) turn (number, role, content)
ORDER BY person, number;

INSERT INTO patterns (id, user_id, pattern_type, pattern_key, description, data, confidence, created_at, updated_at)
SELECT pg_temp.demo_id(4, person), pg_temp.demo_id(0, person), 'time_of_day', 'misses_mornings',
    'Tasks before 8:00 are mostly missed.', jsonb_build_object('hour', 7, 'missed', 3 + pg_temp.draw(6, 'missed', person)),
    (50 + pg_temp.draw(51, 'confidence', person)) / 100.0, date_trunc('second', now()), date_trunc('second', now())
FROM generate_series(0, %(users)s - 1) person;

-- Spread evenly from the past over the days ahead, at waking hours.
INSERT INTO tasks (id, user_id, goal_id, title, status, scheduled_at, duration_minutes, recurrence_rule, class_tags,
    reminder_sent_at, completed_at, created_at, updated_at)
SELECT pg_temp.demo_id(5, person, number), goal.user_id, goal.id,
    goal.plan_json -> 'steps' ->> pg_temp.draw(jsonb_array_length(goal.plan_json -> 'steps'), 'step', person, number),
    became.status, scheduled_at, (ARRAY[15, 25, 45, 60])[1 + pg_temp.draw(4, 'minutes', person, number)],
    (ARRAY[NULL, NULL, 'FREQ=DAILY', 'FREQ=WEEKLY;BYDAY=MO,WE,FR'])[1 + pg_temp.draw(4, 'rule', person, number)],
    goal.class_tags, CASE WHEN scheduled_at < now() THEN scheduled_at - interval '15 minutes' END,
    CASE became.status WHEN 'done' THEN scheduled_at + interval '30 minutes' END,
    greatest(goal.created_at, scheduled_at - interval '7 days'), greatest(goal.created_at, scheduled_at - interval '7 days')
FROM generate_series(0, %(users)s - 1) person
CROSS JOIN generate_series(0, %(tasks)s - 1) number
JOIN goals goal ON goal.id = pg_temp.demo_id(1, person, pg_temp.draw(5, 'goal', person, number))
CROSS JOIN LATERAL (SELECT date_trunc('day', now()) + make_interval(
    days => 74 * number / %(tasks)s - 60, hours => 7 + number %% 14, mins => number * 15 %% 60) AS scheduled_at) planned
CROSS JOIN LATERAL (SELECT CASE WHEN scheduled_at < now()
    THEN (ARRAY['done', 'done', 'done', 'missed', 'rescheduled', 'cancelled'])[1 + pg_temp.draw(6, 'status', person, number)]
    ELSE 'pending' END AS status) became;

INSERT INTO notification_log (id, task_id, channel, external_id, sent_at, created_at, updated_at)
SELECT pg_temp.demo_id(6, person, number), task.id, 'push', concat_ws('-', 'demo', %(seed)s, person, number), sent, sent, sent
FROM generate_series(0, %(users)s - 1) person
CROSS JOIN generate_series(0, %(tasks)s - 1, 4) number
JOIN tasks task ON task.id = pg_temp.demo_id(5, person, number)
CROSS JOIN LATERAL (SELECT task.scheduled_at - interval '15 minutes' AS sent) reminder;

DROP FUNCTION pg_temp.demo_id, pg_temp.draw
