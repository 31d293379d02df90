"""What the old programs write, generation by generation: statements that know only the columns of the old schema.

Each is to be run once, in the order given here; none needs a row that is there already.
"""

PERSON = "10000000-0000-4000-8000-000000000901"
GOAL = "20000000-0000-4000-8000-000000000901"
TASK = "30000000-0000-4000-8000-000000000901"
CONVERSATION = "40000000-0000-4000-8000-000000000901"

_OF_BOTH = {
    "users": [
        f"INSERT INTO users (id, email) VALUES ('{PERSON}', 'old.program@example.com')",
        "INSERT INTO users (email) VALUES ('by.default@example.com')",
        "INSERT INTO users (id, email, created_at, onboarded)"
        " VALUES (gen_random_uuid(), 'signed.up@example.com', '2026-01-01 10:00:00.000001+04', false)"
        " ON CONFLICT (id) DO NOTHING",
        """INSERT INTO users (email, onboarded, profile, notification_preferences)
        VALUES ('all@example.com', true, '{"name": "Ada", "weight": 1.10}', '{"phone_number": "+971501234567"}')""",
        "INSERT INTO users (email) VALUES ('all@example.com') ON CONFLICT (email) DO UPDATE SET onboarded = true",
        "INSERT INTO users (email, profile) VALUES ('null@example.com', NULL)",
        "INSERT INTO users (email) VALUES ('one@example.com'), ('two@example.com') RETURNING *",
    ],
    "goals": [
        f"INSERT INTO goals (id, user_id, title, status) VALUES ('{GOAL}', '{PERSON}', 'Run 10 km', 'active')",
        "INSERT INTO goals (user_id, title, description, class_tags, status, parent_goal_id, pipeline_order,"
        " created_at, activated_at, completed_at, target_weeks, plan_json)"
        f" VALUES ('{PERSON}', '100 % of \"it\" 🎯', NULL, ARRAY['Health', 'a,b'], 'pipeline', '{GOAL}', 3, now(),"
        """ now(), NULL, 8, '{"weeks": [{"n": 1, "km": 1.10}]}')""",
        "INSERT INTO goals (user_id, title, status, class_tags)"
        f" SELECT id, 'For everybody', 'completed', '{{}}' FROM users WHERE id = '{PERSON}'",
    ],
    "conversations": [
        "INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type)"
        f" VALUES ('{CONVERSATION}', '{PERSON}', 'old-thread-1', 'onboarding')",
        "INSERT INTO conversations (user_id, langgraph_thread_id, context_type, last_message_at)"
        f" VALUES ('{PERSON}', 'old-thread-2', 'goal', now())",
        "INSERT INTO conversations (user_id, langgraph_thread_id, context_type)"
        f" VALUES ('{PERSON}', 'old-thread-1', 'task')"
        " ON CONFLICT (langgraph_thread_id) DO UPDATE SET last_message_at = now()",
    ],
    "tasks": [
        f"INSERT INTO tasks (id, user_id, title) VALUES ('{TASK}', '{PERSON}', 'Run 3 km')",
        f"INSERT INTO tasks (user_id, goal_id, title, status) VALUES ('{PERSON}', '{GOAL}', 'Stretch', 'done')",
        "INSERT INTO tasks (user_id, goal_id, title, description, status, scheduled_at, duration_minutes, trigger_type,"
        " location_trigger, reminder_sent_at, whatsapp_sent_at, call_sent_at, completed_at, recurrence_rule,"
        " shared_with_goal_ids, created_at)"
        f" VALUES ('{PERSON}', '{GOAL}', 'Everything', 'It''s all there', 'missed', now(), 25, 'location', 'Gym',"
        f" now(), now(), now(), NULL, 'FREQ=DAILY', ARRAY['{GOAL}']::uuid[], '1970-01-01 00:00:00+00')",
        f"INSERT INTO tasks (user_id, title) VALUES ('{PERSON}', 'First of two'), ('{PERSON}', 'Second of two')",
    ],
    "messages": [
        f"INSERT INTO messages (conversation_id, role, content) VALUES ('{CONVERSATION}', 'user', 'Hello')",
        "INSERT INTO messages (id, conversation_id, role, content, metadata, created_at)"
        f" VALUES (gen_random_uuid(), '{CONVERSATION}', 'assistant', 'Hello 👋', '{{\"latency\": 1.10}}', now())",
    ],
    "patterns": [
        f"INSERT INTO patterns (user_id, pattern_type) VALUES ('{PERSON}', 'time_of_day')",
        "INSERT INTO patterns (id, user_id, pattern_type, description, data, confidence, created_at, updated_at)"
        f" VALUES (gen_random_uuid(), '{PERSON}', 'avoidance', 'Mondays', '{{\"day\": 1}}', 0.75, now(), now())",
    ],
    "notification_log": [
        f"INSERT INTO notification_log (task_id, channel) VALUES ('{TASK}', 'push')",
        "INSERT INTO notification_log (id, task_id, channel, sent_at, response, responded_at)"
        f" VALUES (gen_random_uuid(), '{TASK}', 'whatsapp', now(), 'done', now())",
    ],
}

_OF_A = {
    "goals": [f"INSERT INTO goals (user_id, title) VALUES ('{PERSON}', 'With every default')"],
    "conversations": [
        "INSERT INTO conversations (user_id, langgraph_thread_id, context_type, voice_session_id, extracted_intent,"
        " intent_payload, linked_goal_id, linked_task_id, ended_at, duration_seconds)"
        f" VALUES ('{PERSON}', 'old-thread-3', 'voice', 'session-1', 'plan', '{{\"a\": 1}}', '{GOAL}', NULL,"
        " now(), 61)",
    ],
    "messages": [
        "INSERT INTO messages (conversation_id, role, content, input_modality)"
        f" VALUES ('{CONVERSATION}', 'function', '[]', 'voice')",
    ],
    "patterns": [f"INSERT INTO patterns (user_id) VALUES ('{PERSON}')"],
    "notification_log": [
        f"INSERT INTO notification_log (task_id, channel, response) VALUES ('{TASK}', 'call', 'said: \"later\"')",
    ],
}

_OF_B = {
    "users": [
        """INSERT INTO users (email, profile, timezone, phone_verified, whatsapp_opt_in_at, push_subscription,
        monthly_token_usage, updated_at) VALUES ('all.of.b@example.com', '{"name": "Lin"}', 'Asia/Dubai', true, now(),
        '{"endpoint": "https://push.example/1"}', '{"total": 12, "openai": 12, "anthropic": 0, "reset_at": null}',
        now())""",
    ],
    "conversations": [
        f"INSERT INTO conversations (user_id, langgraph_thread_id) VALUES ('{PERSON}', 'old-thread-4')",
        "INSERT INTO conversations (user_id, langgraph_thread_id, context_type, title)"
        f" VALUES ('{PERSON}', 'old-thread-5', 'general', 'Small talk')",
    ],
    "tasks": [
        "INSERT INTO tasks (user_id, title, class_tags, escalation_policy, conversation_id, canonical_scheduled_at)"
        f" VALUES ('{PERSON}', 'What B adds', ARRAY['Health'], 'aggressive', '{CONVERSATION}', now())",
    ],
    "messages": [
        "INSERT INTO messages (conversation_id, role, content, agent_node, tokens_used, provider)"
        f" VALUES ('{CONVERSATION}', 'summary', 'They said hello.', 'summarizer', 128, 'openai')",
        "INSERT INTO messages (conversation_id, role, content, tokens_used)"
        f" VALUES ('{CONVERSATION}', 'user', 'Hi', NULL)",
    ],
    "patterns": [
        "INSERT INTO patterns (user_id, pattern_type, pattern_key, data, confidence)"
        f" VALUES ('{PERSON}', 'time_of_day', 'old-morning', '{{\"hour\": 7}}', 1)",
    ],
    "notification_log": [
        "INSERT INTO notification_log (task_id, channel, external_id)"
        f" VALUES ('{TASK}', 'whatsapp', 'wamid.old')"
        " ON CONFLICT (external_id) WHERE external_id IS NOT NULL DO UPDATE SET responded_at = now()",
        f"INSERT INTO notification_log (task_id, channel, external_id) VALUES ('{TASK}', 'whatsapp', 'wamid.old')"
        " ON CONFLICT (external_id) WHERE external_id IS NOT NULL DO UPDATE SET response = 'done'",
    ],
    "dispatch_log": [
        f"INSERT INTO dispatch_log (task_id, channel) VALUES ('{TASK}', 'auto_miss')",
        "INSERT INTO dispatch_log (id, task_id, channel, status, created_at, dispatched_at, error)"
        f" VALUES (gen_random_uuid(), '{TASK}', 'call', 'failed', now(), NULL, 'HTTP 503: 100 % \"busy\"')",
    ],
}

_NULLS_OF_BOTH = {
    "users": ["INSERT INTO users (email, created_at, onboarded) VALUES ('nulls@example.com', NULL, NULL)"],
    "goals": [
        "INSERT INTO goals (user_id, title, status, created_at, target_weeks)"
        f" VALUES ('{PERSON}', 'Nulls', 'active', NULL, NULL)"
    ],
    "conversations": [
        "INSERT INTO conversations (user_id, langgraph_thread_id, context_type, created_at)"
        f" VALUES ('{PERSON}', 'old-thread-6', 'goal', NULL)"
    ],
    "tasks": [f"INSERT INTO tasks (user_id, title, trigger_type, created_at) VALUES ('{PERSON}', 'Nulls', NULL, NULL)"],
    "messages": [
        "INSERT INTO messages (conversation_id, role, content, metadata)"
        f" VALUES ('{CONVERSATION}', 'user', 'Nulls', NULL)"
    ],
    "patterns": [
        f"INSERT INTO patterns (user_id, pattern_type, created_at, updated_at) VALUES ('{PERSON}', 'nulls', NULL, NULL)"
    ],
    "notification_log": [f"INSERT INTO notification_log (task_id, channel, sent_at) VALUES ('{TASK}', 'push', NULL)"],
}

_NULLS_OF_A = {
    "goals": [f"INSERT INTO goals (user_id, title, status) VALUES ('{PERSON}', 'Null status', NULL)"],
    "tasks": [f"INSERT INTO tasks (user_id, title, status) VALUES ('{PERSON}', 'Null status', NULL)"],
}

_NULLS_OF_B = {
    "users": ["INSERT INTO users (email, phone_verified, updated_at) VALUES ('nulls.of.b@example.com', NULL, NULL)"],
    "conversations": [
        "INSERT INTO conversations (user_id, langgraph_thread_id, context_type)"
        f" VALUES ('{PERSON}', 'old-thread-7', NULL)"
    ],
    "messages": [
        "INSERT INTO messages (conversation_id, role, content, created_at)"
        f" VALUES ('{CONVERSATION}', 'user', 'Null time', NULL)"
    ],
    "dispatch_log": [f"INSERT INTO dispatch_log (task_id, channel, created_at) VALUES ('{TASK}', 'push', NULL)"],
}


def _together(*parts: dict[str, list[str]]) -> dict[str, list[str]]:
    tables = ("users", "goals", "conversations", "tasks", "messages", "patterns", "notification_log", "dispatch_log")
    statements = {table: [each for part in parts for each in part.get(table, [])] for table in tables}
    return {table: listed for table, listed in statements.items() if listed}


OLD_INSERTS = {"a": _together(_OF_BOTH, _OF_A), "b": _together(_OF_BOTH, _OF_B)}

# After OLD_INSERTS, whose rows they refer to. They name a column only to leave it null, as the old schema lets them.
OLD_INSERTS_OF_NULLS = {"a": _together(_NULLS_OF_BOTH, _NULLS_OF_A), "b": _together(_NULLS_OF_BOTH, _NULLS_OF_B)}

_UPDATES_OF_BOTH = [
    ("users", PERSON, "UPDATE users SET onboarded = true, profile = '{{\"name\": \"Ada\"}}' WHERE id = '{id}'"),
    ("goals", GOAL, "UPDATE goals SET status = 'completed', completed_at = now() WHERE id = '{id}'"),
    ("tasks", TASK, "UPDATE tasks SET status = 'done', completed_at = now() WHERE id = '{id}'"),
    ("conversations", CONVERSATION, "UPDATE conversations SET last_message_at = now() WHERE id = '{id}'"),
]
_UPDATES_OF_A = [
    (
        "conversations",
        CONVERSATION,
        "UPDATE conversations SET ended_at = now(), duration_seconds = 5 WHERE id = '{id}'",
    ),
]
_UPDATES_OF_B = [
    (
        "users",
        PERSON,
        "UPDATE users SET timezone = 'Asia/Dubai', updated_at = '2000-01-01 00:00:00+00' WHERE id = '{id}'",
    ),
    ("tasks", TASK, "UPDATE tasks SET canonical_scheduled_at = now(), class_tags = '{{Health}}' WHERE id = '{id}'"),
]
# After OLD_INSERTS: table, the id of the one row that is changed, statement.
OLD_UPDATES = {
    generation: [(table, row_id, statement.format(id=row_id)) for table, row_id, statement in _UPDATES_OF_BOTH + more]
    for generation, more in (("a", _UPDATES_OF_A), ("b", _UPDATES_OF_B))
}
