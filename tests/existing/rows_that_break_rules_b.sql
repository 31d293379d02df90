-- Rows of generation B that the contract does not allow; after rows_b.sql. What a row's number at the end of its id says:
-- 100: sound, what others refer to; 1xx: null where the contract has a default; 2xx: breaks a rule; 3xx: sound, though it may not look so.

-- What the others refer to
-- sound
INSERT INTO users (id, email) VALUES ('10000000-0000-4000-8000-000000000100', 'user100@example.com');
-- sound
INSERT INTO goals (id, user_id, title, status) VALUES ('20000000-0000-4000-8000-000000000100', '10000000-0000-4000-8000-000000000100', 'Goal 100', 'active');
-- sound
INSERT INTO tasks (id, user_id, title, trigger_type) VALUES ('30000000-0000-4000-8000-000000000100', '10000000-0000-4000-8000-000000000100', 'Task 100', 'time');
-- sound
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type) VALUES ('40000000-0000-4000-8000-000000000100', '10000000-0000-4000-8000-000000000100', 'thread-100', 'general');

-- Null where the contract has a default
-- users.created_at is null
INSERT INTO users (id, email, created_at) VALUES ('10000000-0000-4000-8000-000000000101', 'user101@example.com', NULL);
-- users.onboarded is null
INSERT INTO users (id, email, onboarded) VALUES ('10000000-0000-4000-8000-000000000102', 'user102@example.com', NULL);
-- users.phone_verified is null
INSERT INTO users (id, email, phone_verified) VALUES ('10000000-0000-4000-8000-000000000103', 'user103@example.com', NULL);
-- users.updated_at is null
INSERT INTO users (id, email, updated_at) VALUES ('10000000-0000-4000-8000-000000000104', 'user104@example.com', NULL);
-- users.created_at, .onboarded, .phone_verified, .updated_at are null
INSERT INTO users (id, email, created_at, onboarded, phone_verified, updated_at) VALUES ('10000000-0000-4000-8000-000000000105', 'user105@example.com', NULL, NULL, NULL, NULL);
-- goals.created_at is null
INSERT INTO goals (id, user_id, title, status, created_at) VALUES ('20000000-0000-4000-8000-000000000101', '10000000-0000-4000-8000-000000000100', 'Goal 101', 'active', NULL);
-- goals.target_weeks is null
INSERT INTO goals (id, user_id, title, status, target_weeks) VALUES ('20000000-0000-4000-8000-000000000102', '10000000-0000-4000-8000-000000000100', 'Goal 102', 'active', NULL);
-- goals.created_at, .target_weeks are null
INSERT INTO goals (id, user_id, title, status, created_at, target_weeks) VALUES ('20000000-0000-4000-8000-000000000103', '10000000-0000-4000-8000-000000000100', 'Goal 103', 'active', NULL, NULL);
-- tasks.trigger_type is null
INSERT INTO tasks (id, user_id, title, trigger_type) VALUES ('30000000-0000-4000-8000-000000000101', '10000000-0000-4000-8000-000000000100', 'Task 101', NULL);
-- tasks.created_at is null
INSERT INTO tasks (id, user_id, title, trigger_type, created_at) VALUES ('30000000-0000-4000-8000-000000000102', '10000000-0000-4000-8000-000000000100', 'Task 102', 'time', NULL);
-- tasks.trigger_type, .created_at are null
INSERT INTO tasks (id, user_id, title, trigger_type, created_at) VALUES ('30000000-0000-4000-8000-000000000103', '10000000-0000-4000-8000-000000000100', 'Task 103', NULL, NULL);
-- conversations.context_type is null
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type) VALUES ('40000000-0000-4000-8000-000000000101', '10000000-0000-4000-8000-000000000100', 'thread-101', NULL);
-- conversations.created_at is null
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, created_at) VALUES ('40000000-0000-4000-8000-000000000102', '10000000-0000-4000-8000-000000000100', 'thread-102', 'general', NULL);
-- conversations.context_type, .created_at are null
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, created_at) VALUES ('40000000-0000-4000-8000-000000000103', '10000000-0000-4000-8000-000000000100', 'thread-103', NULL, NULL);
-- messages.metadata is null
INSERT INTO messages (id, conversation_id, role, content, metadata) VALUES ('50000000-0000-4000-8000-000000000101', '40000000-0000-4000-8000-000000000100', 'user', 'Message 101', NULL);
-- messages.created_at is null
INSERT INTO messages (id, conversation_id, role, content, created_at) VALUES ('50000000-0000-4000-8000-000000000102', '40000000-0000-4000-8000-000000000100', 'user', 'Message 102', NULL);
-- messages.metadata, .created_at are null
INSERT INTO messages (id, conversation_id, role, content, metadata, created_at) VALUES ('50000000-0000-4000-8000-000000000103', '40000000-0000-4000-8000-000000000100', 'user', 'Message 103', NULL, NULL);
-- patterns.created_at is null
INSERT INTO patterns (id, user_id, pattern_type, created_at) VALUES ('60000000-0000-4000-8000-000000000101', '10000000-0000-4000-8000-000000000100', 'time_of_day', NULL);
-- patterns.updated_at is null
INSERT INTO patterns (id, user_id, pattern_type, updated_at) VALUES ('60000000-0000-4000-8000-000000000102', '10000000-0000-4000-8000-000000000100', 'time_of_day', NULL);
-- patterns.created_at, .updated_at are null
INSERT INTO patterns (id, user_id, pattern_type, created_at, updated_at) VALUES ('60000000-0000-4000-8000-000000000103', '10000000-0000-4000-8000-000000000100', 'time_of_day', NULL, NULL);
-- notification_log.sent_at is null
INSERT INTO notification_log (id, task_id, channel, sent_at) VALUES ('70000000-0000-4000-8000-000000000101', '30000000-0000-4000-8000-000000000100', 'push', NULL);
-- dispatch_log.created_at is null
INSERT INTO dispatch_log (id, task_id, channel, created_at) VALUES ('80000000-0000-4000-8000-000000000101', '30000000-0000-4000-8000-000000000100', 'push', NULL);

-- Texts of a length that is not allowed
-- goals.title is empty
INSERT INTO goals (id, user_id, title, status) VALUES ('20000000-0000-4000-8000-000000000201', '10000000-0000-4000-8000-000000000100', '', 'active');
-- goals.title has 501 characters
INSERT INTO goals (id, user_id, title, status) VALUES ('20000000-0000-4000-8000-000000000202', '10000000-0000-4000-8000-000000000100', repeat('é', 501), 'active');
-- goals.title has 501 characters of 4 bytes
INSERT INTO goals (id, user_id, title, status) VALUES ('20000000-0000-4000-8000-000000000203', '10000000-0000-4000-8000-000000000100', repeat('🎯', 501), 'active');
-- goals.title has 5,000 characters
INSERT INTO goals (id, user_id, title, status) VALUES ('20000000-0000-4000-8000-000000000204', '10000000-0000-4000-8000-000000000100', repeat('long ', 1000), 'active');
-- tasks.title is empty
INSERT INTO tasks (id, user_id, title, trigger_type) VALUES ('30000000-0000-4000-8000-000000000201', '10000000-0000-4000-8000-000000000100', '', 'time');
-- tasks.title has 501 characters
INSERT INTO tasks (id, user_id, title, trigger_type) VALUES ('30000000-0000-4000-8000-000000000202', '10000000-0000-4000-8000-000000000100', repeat('é', 501), 'time');
-- tasks.title has 501 characters of 4 bytes
INSERT INTO tasks (id, user_id, title, trigger_type) VALUES ('30000000-0000-4000-8000-000000000203', '10000000-0000-4000-8000-000000000100', repeat('🎯', 501), 'time');
-- tasks.title has 5,000 characters
INSERT INTO tasks (id, user_id, title, trigger_type) VALUES ('30000000-0000-4000-8000-000000000204', '10000000-0000-4000-8000-000000000100', repeat('long ', 1000), 'time');
-- conversations.langgraph_thread_id is empty
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type) VALUES ('40000000-0000-4000-8000-000000000201', '10000000-0000-4000-8000-000000000100', '', 'general');
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
INSERT INTO tasks (id, user_id, title, duration_minutes, trigger_type) VALUES ('30000000-0000-4000-8000-000000000210', '10000000-0000-4000-8000-000000000100', 'Task 210', 0, 'time');
-- tasks.duration_minutes is -5
INSERT INTO tasks (id, user_id, title, duration_minutes, trigger_type) VALUES ('30000000-0000-4000-8000-000000000211', '10000000-0000-4000-8000-000000000100', 'Task 211', -5, 'time');
-- tasks.duration_minutes is -2147483648
INSERT INTO tasks (id, user_id, title, duration_minutes, trigger_type) VALUES ('30000000-0000-4000-8000-000000000212', '10000000-0000-4000-8000-000000000100', 'Task 212', -2147483648, 'time');
-- goals.target_weeks is 0
INSERT INTO goals (id, user_id, title, status, target_weeks) VALUES ('20000000-0000-4000-8000-000000000210', '10000000-0000-4000-8000-000000000100', 'Goal 210', 'active', 0);
-- goals.target_weeks is -1
INSERT INTO goals (id, user_id, title, status, target_weeks) VALUES ('20000000-0000-4000-8000-000000000211', '10000000-0000-4000-8000-000000000100', 'Goal 211', 'active', -1);
-- goals.target_weeks is -2147483648
INSERT INTO goals (id, user_id, title, status, target_weeks) VALUES ('20000000-0000-4000-8000-000000000212', '10000000-0000-4000-8000-000000000100', 'Goal 212', 'active', -2147483648);
-- messages.tokens_used is -1
INSERT INTO messages (id, conversation_id, role, content, tokens_used) VALUES ('50000000-0000-4000-8000-000000000210', '40000000-0000-4000-8000-000000000100', 'user', 'Message 210', -1);
-- messages.tokens_used is -2147483648
INSERT INTO messages (id, conversation_id, role, content, tokens_used) VALUES ('50000000-0000-4000-8000-000000000211', '40000000-0000-4000-8000-000000000100', 'user', 'Message 211', -2147483648);

-- Patterns of one person, type and key
-- patterns of one type and key: two, one older
INSERT INTO patterns (id, user_id, pattern_type, data, confidence, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000220', '10000000-0000-4000-8000-000000000100', 'time_of_day', '{"seen": 1.10}', 0.1, '2026-01-01 00:00:00+00', 'twice');
-- patterns of one type and key: two, one older
INSERT INTO patterns (id, user_id, pattern_type, data, confidence, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000221', '10000000-0000-4000-8000-000000000100', 'time_of_day', '{"seen": 1.10}', 0.2, '2026-02-01 00:00:00+00', 'twice');
-- patterns of one type and key: three
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000222', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-03-01 00:00:00+00', 'three times');
-- patterns of one type and key: three
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000223', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-01-01 00:00:00+00', 'three times');
-- patterns of one type and key: three
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000224', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-02-01 00:00:00+00', 'three times');
-- patterns of one type and key: two of one updated_at
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000225', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-03-01 00:00:00.5+00', 'equally old');
-- patterns of one type and key: two of one updated_at
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000226', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-03-01 00:00:00.5+00', 'equally old');
-- patterns of one type and key: two, one without updated_at
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000227', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-03-01 00:00:00+00', 'without age');
-- patterns of one type and key: two, one without updated_at
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000228', '10000000-0000-4000-8000-000000000100', 'time_of_day', NULL, 'without age');
-- patterns of one type and key: two without updated_at
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000229', '10000000-0000-4000-8000-000000000100', 'time_of_day', NULL, 'both without age');
-- patterns of one type and key: two without updated_at
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000230', '10000000-0000-4000-8000-000000000100', 'time_of_day', NULL, 'both without age');
-- patterns of one type and key: two, the key is an empty text
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000231', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-03-01 00:00:00+00', '');
-- patterns of one type and key: two, the key is an empty text
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000232', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-03-02 00:00:00+00', '');

-- Patterns of one person and type that may be
-- patterns of one type without a key
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000301', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-03-01 00:00:00+00', NULL);
-- patterns of one type without a key
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000302', '10000000-0000-4000-8000-000000000100', 'time_of_day', '2026-03-01 00:00:00+00', NULL);
-- patterns of one key, and another type
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000303', '10000000-0000-4000-8000-000000000100', 'avoidance', '2026-03-01 00:00:00+00', 'twice');
-- patterns of one type and key, and another person
INSERT INTO patterns (id, user_id, pattern_type, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000304', '10000000-0000-4000-8000-000000000012', 'time_of_day', '2026-03-01 00:00:00+00', 'twice');

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
-- users.push_subscription is a list
INSERT INTO users (id, email, push_subscription) VALUES ('10000000-0000-4000-8000-000000000252', 'user252@example.com', '[1, {"a": 1.10}]');
-- users.push_subscription is a text
INSERT INTO users (id, email, push_subscription) VALUES ('10000000-0000-4000-8000-000000000253', 'user253@example.com', '"just text: 100 % ''quoted''"');
-- users.push_subscription is a number
INSERT INTO users (id, email, push_subscription) VALUES ('10000000-0000-4000-8000-000000000254', 'user254@example.com', '12345678901234567890');
-- users.push_subscription is true
INSERT INTO users (id, email, push_subscription) VALUES ('10000000-0000-4000-8000-000000000255', 'user255@example.com', 'true');
-- users.push_subscription is JSON's null
INSERT INTO users (id, email, push_subscription) VALUES ('10000000-0000-4000-8000-000000000256', 'user256@example.com', 'null');
-- users.push_subscription is an empty list
INSERT INTO users (id, email, push_subscription) VALUES ('10000000-0000-4000-8000-000000000257', 'user257@example.com', '[]');
-- users.monthly_token_usage is a list
INSERT INTO users (id, email, monthly_token_usage) VALUES ('10000000-0000-4000-8000-000000000258', 'user258@example.com', '[1, {"a": 1.10}]');
-- users.monthly_token_usage is a text
INSERT INTO users (id, email, monthly_token_usage) VALUES ('10000000-0000-4000-8000-000000000259', 'user259@example.com', '"just text: 100 % ''quoted''"');
-- users.monthly_token_usage is a number
INSERT INTO users (id, email, monthly_token_usage) VALUES ('10000000-0000-4000-8000-000000000260', 'user260@example.com', '12345678901234567890');
-- users.monthly_token_usage is true
INSERT INTO users (id, email, monthly_token_usage) VALUES ('10000000-0000-4000-8000-000000000261', 'user261@example.com', 'true');
-- users.monthly_token_usage is JSON's null
INSERT INTO users (id, email, monthly_token_usage) VALUES ('10000000-0000-4000-8000-000000000262', 'user262@example.com', 'null');
-- users.monthly_token_usage is an empty list
INSERT INTO users (id, email, monthly_token_usage) VALUES ('10000000-0000-4000-8000-000000000263', 'user263@example.com', '[]');
-- goals.plan_json is a list
INSERT INTO goals (id, user_id, title, status, plan_json) VALUES ('20000000-0000-4000-8000-000000000240', '10000000-0000-4000-8000-000000000100', 'Goal 240', 'active', '[1, {"a": 1.10}]');
-- goals.plan_json is a text
INSERT INTO goals (id, user_id, title, status, plan_json) VALUES ('20000000-0000-4000-8000-000000000241', '10000000-0000-4000-8000-000000000100', 'Goal 241', 'active', '"just text: 100 % ''quoted''"');
-- goals.plan_json is a number
INSERT INTO goals (id, user_id, title, status, plan_json) VALUES ('20000000-0000-4000-8000-000000000242', '10000000-0000-4000-8000-000000000100', 'Goal 242', 'active', '12345678901234567890');
-- goals.plan_json is true
INSERT INTO goals (id, user_id, title, status, plan_json) VALUES ('20000000-0000-4000-8000-000000000243', '10000000-0000-4000-8000-000000000100', 'Goal 243', 'active', 'true');
-- goals.plan_json is JSON's null
INSERT INTO goals (id, user_id, title, status, plan_json) VALUES ('20000000-0000-4000-8000-000000000244', '10000000-0000-4000-8000-000000000100', 'Goal 244', 'active', 'null');
-- goals.plan_json is an empty list
INSERT INTO goals (id, user_id, title, status, plan_json) VALUES ('20000000-0000-4000-8000-000000000245', '10000000-0000-4000-8000-000000000100', 'Goal 245', 'active', '[]');
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
INSERT INTO patterns (id, user_id, pattern_type, data) VALUES ('60000000-0000-4000-8000-000000000240', '10000000-0000-4000-8000-000000000100', 'time_of_day', '[1, {"a": 1.10}]');
-- patterns.data is a text
INSERT INTO patterns (id, user_id, pattern_type, data) VALUES ('60000000-0000-4000-8000-000000000241', '10000000-0000-4000-8000-000000000100', 'time_of_day', '"just text: 100 % ''quoted''"');
-- patterns.data is a number
INSERT INTO patterns (id, user_id, pattern_type, data) VALUES ('60000000-0000-4000-8000-000000000242', '10000000-0000-4000-8000-000000000100', 'time_of_day', '12345678901234567890');
-- patterns.data is true
INSERT INTO patterns (id, user_id, pattern_type, data) VALUES ('60000000-0000-4000-8000-000000000243', '10000000-0000-4000-8000-000000000100', 'time_of_day', 'true');
-- patterns.data is JSON's null
INSERT INTO patterns (id, user_id, pattern_type, data) VALUES ('60000000-0000-4000-8000-000000000244', '10000000-0000-4000-8000-000000000100', 'time_of_day', 'null');
-- patterns.data is an empty list
INSERT INTO patterns (id, user_id, pattern_type, data) VALUES ('60000000-0000-4000-8000-000000000245', '10000000-0000-4000-8000-000000000100', 'time_of_day', '[]');

-- Time zones that Python does not know
-- users.timezone is one that PostgreSQL knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000270', 'user270@example.com', 'posix/Europe/Berlin');
-- users.timezone is one that PostgreSQL knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000271', 'user271@example.com', 'IST');
-- users.timezone is one that PostgreSQL knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000272', 'user272@example.com', 'PST');
-- users.timezone is one that PostgreSQL knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000273', 'user273@example.com', 'UTC+3');
-- users.timezone is one that PostgreSQL knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000274', 'user274@example.com', 'EST5EDT4');
-- users.timezone is one that PostgreSQL knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000275', 'user275@example.com', '<+03>-3');
-- users.timezone is one that PostgreSQL knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000276', 'user276@example.com', 'europe/berlin');
-- users.timezone is one that PostgreSQL knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000277', 'user277@example.com', 'asia/dubai');
-- users.timezone is one that nobody knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000278', 'user278@example.com', 'Mars/Olympus_Mons');
-- users.timezone is one that nobody knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000279', 'user279@example.com', '');
-- users.timezone is one that nobody knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000280', 'user280@example.com', 'GMT plus three');
-- users.timezone is one that nobody knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000281', 'user281@example.com', 'Asia/Dubai ');
-- users.timezone is one that nobody knows
INSERT INTO users (id, email, timezone) VALUES ('10000000-0000-4000-8000-000000000282', 'user282@example.com', '../../etc/passwd');

-- Rows that break several rules
-- tasks: every rule
INSERT INTO tasks (id, user_id, title, duration_minutes, trigger_type, created_at) VALUES ('30000000-0000-4000-8000-000000000290', '10000000-0000-4000-8000-000000000100', '', 0, NULL, NULL);
-- goals: every rule
INSERT INTO goals (id, user_id, title, status, created_at, target_weeks, plan_json) VALUES ('20000000-0000-4000-8000-000000000290', '10000000-0000-4000-8000-000000000100', '', 'active', NULL, 0, '[]');
-- users: every rule
INSERT INTO users (id, email, created_at, onboarded, profile, notification_preferences, timezone, phone_verified, push_subscription, monthly_token_usage, updated_at) VALUES ('10000000-0000-4000-8000-000000000290', 'NO ADDRESS AT ALL', NULL, NULL, '[]', '"none"', 'UTC+3', NULL, '1', 'null', NULL);
-- patterns: every rule
INSERT INTO patterns (id, user_id, pattern_type, data, created_at, updated_at, pattern_key) VALUES ('60000000-0000-4000-8000-000000000290', '10000000-0000-4000-8000-000000000100', 'time_of_day', '[]', NULL, NULL, 'twice');
-- messages: every rule
INSERT INTO messages (id, conversation_id, role, content, metadata, created_at, tokens_used) VALUES ('50000000-0000-4000-8000-000000000290', '40000000-0000-4000-8000-000000000100', 'user', '', '[]', NULL, -1);

-- Texts with any character
-- users.profile has them
INSERT INTO users (id, email, profile) VALUES ('10000000-0000-4000-8000-000000000320', 'user320@example.com', E'{"name": "\\u0001\\u001b\\u007f\\u202e\\ufeff\\ufffe \\\\ '' % 🏴"}');
-- goals.title, .description, .class_tags have them
INSERT INTO goals (id, user_id, title, description, class_tags, status) VALUES ('20000000-0000-4000-8000-000000000320', '10000000-0000-4000-8000-000000000100', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', ARRAY[E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', ''], 'active');
-- tasks.title, .description, .location_trigger, .recurrence_rule have them
INSERT INTO tasks (id, user_id, title, description, trigger_type, location_trigger, recurrence_rule) VALUES ('30000000-0000-4000-8000-000000000320', '10000000-0000-4000-8000-000000000100', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', 'time', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- conversations.langgraph_thread_id, .title have them
INSERT INTO conversations (id, user_id, langgraph_thread_id, context_type, title) VALUES ('40000000-0000-4000-8000-000000000320', '10000000-0000-4000-8000-000000000100', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', 'general', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- messages.content, .agent_node, .provider have them
INSERT INTO messages (id, conversation_id, role, content, agent_node, provider) VALUES ('50000000-0000-4000-8000-000000000320', '40000000-0000-4000-8000-000000000100', 'user', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- patterns.pattern_type, .description, .pattern_key have them
INSERT INTO patterns (id, user_id, pattern_type, description, pattern_key) VALUES ('60000000-0000-4000-8000-000000000320', '10000000-0000-4000-8000-000000000100', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- notification_log.external_id has them
INSERT INTO notification_log (id, task_id, channel, external_id) VALUES ('70000000-0000-4000-8000-000000000320', '30000000-0000-4000-8000-000000000100', 'push', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
-- dispatch_log.error has them
INSERT INTO dispatch_log (id, task_id, channel, error) VALUES ('80000000-0000-4000-8000-000000000320', '30000000-0000-4000-8000-000000000100', 'push', E'\u0001\u0008\u001b\u007f\u0085\u200b\u202e\u2028\ufeff\ufffe \\ '' " % 🏴\u200d☠️ é \r\n\t');
