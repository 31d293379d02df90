-- Rows of generation A that the contract does not allow; after rows_a.sql. What a row's number at the end of its id says:
-- 100: sound, what others refer to; 1xx: null where the contract has a default; 2xx: breaks a rule; 3xx: sound, though it may not look so.

-- What the others refer to
-- sound
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000100', 'user100@example.com');
-- sound
INSERT INTO goals (id, user_id, title) VALUES ('20000000-0000-4000-8000-000000000100', '10000000-0000-4000-8000-000000000100', 'Goal 100');
-- sound
INSERT INTO tasks (id, user_id, title) VALUES ('30000000-0000-4000-8000-000000000100', '10000000-0000-4000-8000-000000000100', 'Task 100');
-- sound
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type) VALUES ('40000000-0000-4000-8000-000000000100', '10000000-0000-4000-8000-000000000100', 'thread-100', 'goal');

-- Null where the contract has a default
-- users.created_at is null
INSERT INTO users (id, email, created_at) VALUES ('10000000-0000-4000-8000-000000000101', 'user101@example.com', NULL);
-- users.onboarded is null
INSERT INTO users (id, email, onboarded) VALUES ('10000000-0000-4000-8000-000000000102', 'user102@example.com', NULL);
-- users.created_at, .onboarded are null
INSERT INTO users (id, email, created_at, onboarded) VALUES ('10000000-0000-4000-8000-000000000103', 'user103@example.com', NULL, NULL);
-- goals.status is null
INSERT INTO goals (id, user_id, title, status) VALUES ('20000000-0000-4000-8000-000000000101', '10000000-0000-4000-8000-000000000100', 'Goal 101', NULL);
-- goals.created_at is null
INSERT INTO goals (id, user_id, title, created_at) VALUES ('20000000-0000-4000-8000-000000000102', '10000000-0000-4000-8000-000000000100', 'Goal 102', NULL);
-- goals.target_weeks is null
INSERT INTO goals (id, user_id, title, target_weeks) VALUES ('20000000-0000-4000-8000-000000000103', '10000000-0000-4000-8000-000000000100', 'Goal 103', NULL);
-- goals.status, .created_at, .target_weeks are null
INSERT INTO goals (id, user_id, title, status, created_at, target_weeks) VALUES ('20000000-0000-4000-8000-000000000104', '10000000-0000-4000-8000-000000000100', 'Goal 104', NULL, NULL, NULL);
-- tasks.status is null
INSERT INTO tasks (id, user_id, title, status) VALUES ('30000000-0000-4000-8000-000000000101', '10000000-0000-4000-8000-000000000100', 'Task 101', NULL);
-- tasks.trigger_type is null
INSERT INTO tasks (id, user_id, title, trigger_type) VALUES ('30000000-0000-4000-8000-000000000102', '10000000-0000-4000-8000-000000000100', 'Task 102', NULL);
-- tasks.created_at is null
INSERT INTO tasks (id, user_id, title, created_at) VALUES ('30000000-0000-4000-8000-000000000103', '10000000-0000-4000-8000-000000000100', 'Task 103', NULL);
-- tasks.status, .trigger_type, .created_at are null
INSERT INTO tasks (id, user_id, title, status, trigger_type, created_at) VALUES ('30000000-0000-4000-8000-000000000104', '10000000-0000-4000-8000-000000000100', 'Task 104', NULL, NULL, NULL);
-- conversations.created_at is null
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, created_at) VALUES ('40000000-0000-4000-8000-000000000101', '10000000-0000-4000-8000-000000000100', 'thread-101', 'goal', NULL);
-- messages.metadata is null
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000101', '40000000-0000-4000-8000-000000000100', 'user', 'Message 101', NULL);
-- patterns.created_at is null
INSERT INTO patterns (id, user_id, created_at) VALUES ('60000000-0000-4000-8000-000000000101', '10000000-0000-4000-8000-000000000100', NULL);
-- patterns.updated_at is null
INSERT INTO patterns (id, user_id, updated_at) VALUES ('60000000-0000-4000-8000-000000000102', '10000000-0000-4000-8000-000000000100', NULL);
-- patterns.created_at, .updated_at are null
INSERT INTO patterns (id, user_id, created_at, updated_at) VALUES ('60000000-0000-4000-8000-000000000103', '10000000-0000-4000-8000-000000000100', NULL, NULL);
-- notification_log.sent_at is null
INSERT INTO notification_log (id, task_id, channel, sent_at) VALUES ('70000000-0000-4000-8000-000000000101', '30000000-0000-4000-8000-000000000100', 'push', NULL);

-- Texts of a length that is not allowed
-- goals.title is empty
INSERT INTO goals (id, user_id, title) VALUES ('20000000-0000-4000-8000-000000000201', '10000000-0000-4000-8000-000000000100', '');
-- goals.title has 501 characters
INSERT INTO goals (id, user_id, title) VALUES ('20000000-0000-4000-8000-000000000202', '10000000-0000-4000-8000-000000000100', repeat('é', 501));
-- goals.title has 501 characters of 4 bytes
INSERT INTO goals (id, user_id, title) VALUES ('20000000-0000-4000-8000-000000000203', '10000000-0000-4000-8000-000000000100', repeat('🎯', 501));
-- goals.title has 5,000 characters
INSERT INTO goals (id, user_id, title) VALUES ('20000000-0000-4000-8000-000000000204', '10000000-0000-4000-8000-000000000100', repeat('long ', 1000));
-- tasks.title is empty
INSERT INTO tasks (id, user_id, title) VALUES ('30000000-0000-4000-8000-000000000201', '10000000-0000-4000-8000-000000000100', '');
-- tasks.title has 501 characters
INSERT INTO tasks (id, user_id, title) VALUES ('30000000-0000-4000-8000-000000000202', '10000000-0000-4000-8000-000000000100', repeat('é', 501));
-- tasks.title has 501 characters of 4 bytes
INSERT INTO tasks (id, user_id, title) VALUES ('30000000-0000-4000-8000-000000000203', '10000000-0000-4000-8000-000000000100', repeat('🎯', 501));
-- tasks.title has 5,000 characters
INSERT INTO tasks (id, user_id, title) VALUES ('30000000-0000-4000-8000-000000000204', '10000000-0000-4000-8000-000000000100', repeat('long ', 1000));
-- conversations.langgraph_thread_id is empty
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type) VALUES ('40000000-0000-4000-8000-000000000201', '10000000-0000-4000-8000-000000000100', '', 'goal');
-- messages.content is empty
INSERT INTO messages (id, conversation_id, role, content) VALUES ('50000000-0000-4000-8000-000000000201', '40000000-0000-4000-8000-000000000100', 'user', '');
-- messages.content is empty, and so was another
INSERT INTO messages (id, conversation_id, role, content) VALUES ('50000000-0000-4000-8000-000000000202', '40000000-0000-4000-8000-000000000100', 'user', '');

-- E-mail addresses that are none, or are too long
-- users.email is no address
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000201', 'not an address');
-- users.email is empty
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000202', '');
-- users.email is 300 characters long
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000203', repeat('a', 288) || '@example.com');
-- users.email is 256 characters long, one too many
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000204', repeat('a', 244) || '@example.com');
-- users.email is an address with its name
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000205', 'Ada Lovelace <ada.l@example.com>');
-- users.email is an address between spaces
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000206', ' ada@example.com ');
-- users.email is two addresses
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000207', 'one@example.com, two@example.com');
-- users.email is an address over two lines
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000208', E'ada@\nexample.com');
-- users.email is without a domain
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000209', 'ada@');
-- users.email is a phone number
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000210', '+971501234567');
-- users.email is any characters
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000211', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');

-- Numbers out of range
-- tasks.duration_minutes is 0
INSERT INTO tasks (id, user_id, title, duration_minutes) VALUES ('30000000-0000-4000-8000-000000000210', '10000000-0000-4000-8000-000000000100', 'Task 210', 0);
-- tasks.duration_minutes is -5
INSERT INTO tasks (id, user_id, title, duration_minutes) VALUES ('30000000-0000-4000-8000-000000000211', '10000000-0000-4000-8000-000000000100', 'Task 211', -5);
-- tasks.duration_minutes is -2147483648
INSERT INTO tasks (id, user_id, title, duration_minutes) VALUES ('30000000-0000-4000-8000-000000000212', '10000000-0000-4000-8000-000000000100', 'Task 212', -2147483648);
-- goals.target_weeks is 0
INSERT INTO goals (id, user_id, title, target_weeks) VALUES ('20000000-0000-4000-8000-000000000210', '10000000-0000-4000-8000-000000000100', 'Goal 210', 0);
-- goals.target_weeks is -1
INSERT INTO goals (id, user_id, title, target_weeks) VALUES ('20000000-0000-4000-8000-000000000211', '10000000-0000-4000-8000-000000000100', 'Goal 211', -1);
-- goals.target_weeks is -2147483648
INSERT INTO goals (id, user_id, title, target_weeks) VALUES ('20000000-0000-4000-8000-000000000212', '10000000-0000-4000-8000-000000000100', 'Goal 212', -2147483648);
-- patterns.confidence is -0.5
INSERT INTO patterns (id, user_id, confidence) VALUES ('60000000-0000-4000-8000-000000000210', '10000000-0000-4000-8000-000000000100', -0.5);
-- patterns.confidence is 1.5
INSERT INTO patterns (id, user_id, confidence) VALUES ('60000000-0000-4000-8000-000000000211', '10000000-0000-4000-8000-000000000100', 1.5);
-- patterns.confidence is 1.0000000000000002
INSERT INTO patterns (id, user_id, confidence) VALUES ('60000000-0000-4000-8000-000000000212', '10000000-0000-4000-8000-000000000100', 1.0000000000000002);
-- patterns.confidence is NaN
INSERT INTO patterns (id, user_id, confidence) VALUES ('60000000-0000-4000-8000-000000000213', '10000000-0000-4000-8000-000000000100', 'NaN');
-- patterns.confidence is Infinity
INSERT INTO patterns (id, user_id, confidence) VALUES ('60000000-0000-4000-8000-000000000214', '10000000-0000-4000-8000-000000000100', 'Infinity');
-- patterns.confidence is -Infinity
INSERT INTO patterns (id, user_id, confidence) VALUES ('60000000-0000-4000-8000-000000000215', '10000000-0000-4000-8000-000000000100', '-Infinity');
-- conversations.duration_seconds is -1
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, duration_seconds) VALUES ('40000000-0000-4000-8000-000000000210', '10000000-0000-4000-8000-000000000100', 'thread-210', 'goal', -1);
-- conversations.duration_seconds is -2147483648
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, duration_seconds) VALUES ('40000000-0000-4000-8000-000000000211', '10000000-0000-4000-8000-000000000100', 'thread-211', 'goal', -2147483648);

-- Two goals of one pipeline_order
-- goals.pipeline_order 1 twice: both active
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000220', '10000000-0000-4000-8000-000000000100', 'Goal 220', 'active', 1);
-- goals.pipeline_order 1 twice: both active
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000221', '10000000-0000-4000-8000-000000000100', 'Goal 221', 'active', 1);
-- goals.pipeline_order 2 twice: pipeline and active
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000222', '10000000-0000-4000-8000-000000000100', 'Goal 222', 'pipeline', 2);
-- goals.pipeline_order 2 twice: pipeline and active
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000223', '10000000-0000-4000-8000-000000000100', 'Goal 223', 'active', 2);
-- goals.pipeline_order 3 three times: two of one created_at, one of none
INSERT INTO goals (id, user_id, title, status, pipeline_order, created_at) VALUES ('20000000-0000-4000-8000-000000000224', '10000000-0000-4000-8000-000000000100', 'Goal 224', 'pipeline', 3, '2026-01-01 00:00:00+00');
-- goals.pipeline_order 3 three times: two of one created_at, one of none
INSERT INTO goals (id, user_id, title, status, pipeline_order, created_at) VALUES ('20000000-0000-4000-8000-000000000225', '10000000-0000-4000-8000-000000000100', 'Goal 225', 'pipeline', 3, '2026-01-01 00:00:00+00');
-- goals.pipeline_order 3 three times: two of one created_at, one of none
INSERT INTO goals (id, user_id, title, status, pipeline_order, created_at) VALUES ('20000000-0000-4000-8000-000000000226', '10000000-0000-4000-8000-000000000100', 'Goal 226', 'pipeline', 3, NULL);
-- goals.pipeline_order 4 twice: active, and null, which is to become active
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000227', '10000000-0000-4000-8000-000000000100', 'Goal 227', 'active', 4);
-- goals.pipeline_order 4 twice: active, and null, which is to become active
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000228', '10000000-0000-4000-8000-000000000100', 'Goal 228', NULL, 4);
-- goals.pipeline_order 5 twice: both null, which are to become active
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000229', '10000000-0000-4000-8000-000000000100', 'Goal 229', NULL, 5);
-- goals.pipeline_order 5 twice: both null, which are to become active
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000230', '10000000-0000-4000-8000-000000000100', 'Goal 230', NULL, 5);

-- Goals of one pipeline_order that may be
-- goals.pipeline_order 6: only one is active or in the pipeline
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000301', '10000000-0000-4000-8000-000000000100', 'Goal 301', 'active', 6);
-- goals.pipeline_order 6: only one is active or in the pipeline
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000302', '10000000-0000-4000-8000-000000000100', 'Goal 302', 'completed', 6);
-- goals.pipeline_order 6: only one is active or in the pipeline
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000303', '10000000-0000-4000-8000-000000000100', 'Goal 303', 'abandoned', 6);
-- goals.pipeline_order 6: only one is active or in the pipeline
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000304', '10000000-0000-4000-8000-000000000100', 'Goal 304', 'completed', 6);
-- goals.pipeline_order 1 of another person
INSERT INTO goals (id, user_id, title, status, pipeline_order) VALUES ('20000000-0000-4000-8000-000000000305', '10000000-0000-4000-8000-000000000012', 'Goal 305', 'active', 1);

-- jsonb that is no object
-- users.profile is a list
INSERT INTO users (id, email, profile) VALUES ('10000000-0000-4000-8000-000000000240', 'user240@example.com', '[1, {"a": 1.10}]');
-- users.profile is a text
INSERT INTO users (id, email, profile) VALUES ('10000000-0000-4000-8000-000000000241', 'user241@example.com', '"just text: 100 % ''quoted''"');
-- users.profile is a number
INSERT INTO users (id, email, profile) VALUES ('10000000-0000-4000-8000-000000000242', 'user242@example.com', '12345678901234567890');
-- users.profile is true
INSERT INTO users (id, email, profile) VALUES ('10000000-0000-4000-8000-000000000243', 'user243@example.com', 'true');
-- users.profile is JSON's null
INSERT INTO users (id, email, profile) VALUES ('10000000-0000-4000-8000-000000000244', 'user244@example.com', 'null');
-- users.profile is an empty list
INSERT INTO users (id, email, profile) VALUES ('10000000-0000-4000-8000-000000000245', 'user245@example.com', '[]');
-- users.notification_preferences is a list
INSERT INTO users (id, email, notification_preferences) VALUES ('10000000-0000-4000-8000-000000000246', 'user246@example.com', '[1, {"a": 1.10}]');
-- users.notification_preferences is a text
INSERT INTO users (id, email, notification_preferences) VALUES ('10000000-0000-4000-8000-000000000247', 'user247@example.com', '"just text: 100 % ''quoted''"');
-- users.notification_preferences is a number
INSERT INTO users (id, email, notification_preferences) VALUES ('10000000-0000-4000-8000-000000000248', 'user248@example.com', '12345678901234567890');
-- users.notification_preferences is true
INSERT INTO users (id, email, notification_preferences) VALUES ('10000000-0000-4000-8000-000000000249', 'user249@example.com', 'true');
-- users.notification_preferences is JSON's null
INSERT INTO users (id, email, notification_preferences) VALUES ('10000000-0000-4000-8000-000000000250', 'user250@example.com', 'null');
-- users.notification_preferences is an empty list
INSERT INTO users (id, email, notification_preferences) VALUES ('10000000-0000-4000-8000-000000000251', 'user251@example.com', '[]');
-- goals.plan_json is a list
INSERT INTO goals (id, user_id, title, plan_json) VALUES ('20000000-0000-4000-8000-000000000240', '10000000-0000-4000-8000-000000000100', 'Goal 240', '[1, {"a": 1.10}]');
-- goals.plan_json is a text
INSERT INTO goals (id, user_id, title, plan_json) VALUES ('20000000-0000-4000-8000-000000000241', '10000000-0000-4000-8000-000000000100', 'Goal 241', '"just text: 100 % ''quoted''"');
-- goals.plan_json is a number
INSERT INTO goals (id, user_id, title, plan_json) VALUES ('20000000-0000-4000-8000-000000000242', '10000000-0000-4000-8000-000000000100', 'Goal 242', '12345678901234567890');
-- goals.plan_json is true
INSERT INTO goals (id, user_id, title, plan_json) VALUES ('20000000-0000-4000-8000-000000000243', '10000000-0000-4000-8000-000000000100', 'Goal 243', 'true');
-- goals.plan_json is JSON's null
INSERT INTO goals (id, user_id, title, plan_json) VALUES ('20000000-0000-4000-8000-000000000244', '10000000-0000-4000-8000-000000000100', 'Goal 244', 'null');
-- goals.plan_json is an empty list
INSERT INTO goals (id, user_id, title, plan_json) VALUES ('20000000-0000-4000-8000-000000000245', '10000000-0000-4000-8000-000000000100', 'Goal 245', '[]');
-- conversations.intent_payload is a list
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, intent_payload) VALUES ('40000000-0000-4000-8000-000000000240', '10000000-0000-4000-8000-000000000100', 'thread-240', 'goal', '[1, {"a": 1.10}]');
-- conversations.intent_payload is a text
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, intent_payload) VALUES ('40000000-0000-4000-8000-000000000241', '10000000-0000-4000-8000-000000000100', 'thread-241', 'goal', '"just text: 100 % ''quoted''"');
-- conversations.intent_payload is a number
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, intent_payload) VALUES ('40000000-0000-4000-8000-000000000242', '10000000-0000-4000-8000-000000000100', 'thread-242', 'goal', '12345678901234567890');
-- conversations.intent_payload is true
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, intent_payload) VALUES ('40000000-0000-4000-8000-000000000243', '10000000-0000-4000-8000-000000000100', 'thread-243', 'goal', 'true');
-- conversations.intent_payload is JSON's null
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, intent_payload) VALUES ('40000000-0000-4000-8000-000000000244', '10000000-0000-4000-8000-000000000100', 'thread-244', 'goal', 'null');
-- conversations.intent_payload is an empty list
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, intent_payload) VALUES ('40000000-0000-4000-8000-000000000245', '10000000-0000-4000-8000-000000000100', 'thread-245', 'goal', '[]');
-- messages.metadata is a list
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000240', '40000000-0000-4000-8000-000000000100', 'user', 'Message 240', '[1, {"a": 1.10}]');
-- messages.metadata is a text
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000241', '40000000-0000-4000-8000-000000000100', 'user', 'Message 241', '"just text: 100 % ''quoted''"');
-- messages.metadata is a number
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000242', '40000000-0000-4000-8000-000000000100', 'user', 'Message 242', '12345678901234567890');
-- messages.metadata is true
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000243', '40000000-0000-4000-8000-000000000100', 'user', 'Message 243', 'true');
-- messages.metadata is JSON's null
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000244', '40000000-0000-4000-8000-000000000100', 'user', 'Message 244', 'null');
-- messages.metadata is an empty list
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000245', '40000000-0000-4000-8000-000000000100', 'user', 'Message 245', '[]');
-- patterns.data is a list
INSERT INTO patterns (id, user_id, data) VALUES ('60000000-0000-4000-8000-000000000240', '10000000-0000-4000-8000-000000000100', '[1, {"a": 1.10}]');
-- patterns.data is a text
INSERT INTO patterns (id, user_id, data) VALUES ('60000000-0000-4000-8000-000000000241', '10000000-0000-4000-8000-000000000100', '"just text: 100 % ''quoted''"');
-- patterns.data is a number
INSERT INTO patterns (id, user_id, data) VALUES ('60000000-0000-4000-8000-000000000242', '10000000-0000-4000-8000-000000000100', '12345678901234567890');
-- patterns.data is true
INSERT INTO patterns (id, user_id, data) VALUES ('60000000-0000-4000-8000-000000000243', '10000000-0000-4000-8000-000000000100', 'true');
-- patterns.data is JSON's null
INSERT INTO patterns (id, user_id, data) VALUES ('60000000-0000-4000-8000-000000000244', '10000000-0000-4000-8000-000000000100', 'null');
-- patterns.data is an empty list
INSERT INTO patterns (id, user_id, data) VALUES ('60000000-0000-4000-8000-000000000245', '10000000-0000-4000-8000-000000000100', '[]');

-- Rows that break several rules
-- tasks: every rule
INSERT INTO tasks (id, user_id, title, status, duration_minutes, trigger_type, created_at) VALUES ('30000000-0000-4000-8000-000000000290', '10000000-0000-4000-8000-000000000100', '', NULL, 0, NULL, NULL);
-- goals: every rule
INSERT INTO goals (id, user_id, title, status, pipeline_order, created_at, target_weeks, plan_json) VALUES ('20000000-0000-4000-8000-000000000290', '10000000-0000-4000-8000-000000000100', '', NULL, 1, NULL, 0, '[]');
-- users: every rule
INSERT INTO users (id, email, created_at, onboarded, profile, notification_preferences) VALUES ('10000000-0000-4000-8000-000000000290', 'NO ADDRESS AT ALL', NULL, NULL, '[]', '"none"');
-- conversations: several
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, created_at, intent_payload, duration_seconds) VALUES ('40000000-0000-4000-8000-000000000290', '10000000-0000-4000-8000-000000000100', 'thread-290', 'goal', NULL, '"none"', -1);
-- patterns: every rule
INSERT INTO patterns (id, user_id, data, confidence, created_at, updated_at) VALUES ('60000000-0000-4000-8000-000000000290', '10000000-0000-4000-8000-000000000100', '[]', 'NaN', NULL, NULL);
-- messages: every rule but that of nulls
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000290', '40000000-0000-4000-8000-000000000100', 'user', '', '[]');

-- Texts with any character
-- users.profile has them
INSERT INTO users (id, email, profile) VALUES ('10000000-0000-4000-8000-000000000320', 'user320@example.com', E'{"name": "\\u0001\\u001b\\u007f\\u202e\\ufeff\\ufffe \\\\ '' % 🏴"}');
-- goals.title, .description, .class_tags have them
INSERT INTO goals (id, user_id, title, description, class_tags) VALUES ('20000000-0000-4000-8000-000000000320', '10000000-0000-4000-8000-000000000100', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', ARRAY[E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', '']);
-- tasks.title, .description, .location_trigger, .recurrence_rule have them
INSERT INTO tasks (id, user_id, title, description, location_trigger, recurrence_rule) VALUES ('30000000-0000-4000-8000-000000000320', '10000000-0000-4000-8000-000000000100', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- conversations.langgraph_thread_id, .voice_session_id, .extracted_intent have them
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, voice_session_id, extracted_intent) VALUES ('40000000-0000-4000-8000-000000000320', '10000000-0000-4000-8000-000000000100', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', 'goal', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- messages.content has them
INSERT INTO messages (id, conversation_id, role, content) VALUES ('50000000-0000-4000-8000-000000000320', '40000000-0000-4000-8000-000000000100', 'user', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- patterns.pattern_type, .description have them
INSERT INTO patterns (id, user_id, pattern_type, description) VALUES ('60000000-0000-4000-8000-000000000320', '10000000-0000-4000-8000-000000000100', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- notification_log.response has them
INSERT INTO notification_log (id, task_id, channel, sent_at, response) VALUES ('70000000-0000-4000-8000-000000000320', '30000000-0000-4000-8000-000000000100', 'push', '2026-10-01 12:00:00+00', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
