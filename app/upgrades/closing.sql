-- Statements that take from all but the owner and the service what nobody else needs, and let the service through.
-- Row level security, which the migrations enable, holds other roles off the rows. It holds nobody off a TRUNCATE or a
-- function, and what is internal to the service is nobody's business at all.
WITH ours AS (
    SELECT oid, relname, oid::regclass AS name, relname = ANY (%(entities)s) AS is_entity FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY (%(entities)s || %(internal)s)
), roles AS (
    SELECT
        concat_ws(', ', 'PUBLIC', string_agg(rolname, ', ') FILTER (WHERE rolname IN ('anon', 'authenticated')))
            AS strangers,
        concat_ws(', ', 'PUBLIC', string_agg(rolname, ', ') FILTER (WHERE rolname <> 'flux_service')) AS everybody,
        coalesce(bool_or(rolname = 'flux_service'), false) AS has_service
    FROM pg_roles
    -- Supabase's for whoever has the browser's key, signed in or not, and for the project's own servers; then ours.
    WHERE rolname IN ('anon', 'authenticated', 'service_role', 'flux_service')
)
SELECT format('REVOKE ALL ON TABLE %%s FROM %%s', name, everybody) FROM ours CROSS JOIN roles WHERE NOT is_entity
UNION ALL
SELECT format('REVOKE TRUNCATE, REFERENCES, TRIGGER%%s ON TABLE %%s FROM %%s',
    CASE WHEN current_setting('server_version_num')::int >= 170000 THEN ', MAINTAIN' END, name, strangers)
FROM ours CROSS JOIN roles WHERE is_entity
UNION ALL
SELECT format('REVOKE ALL ON SEQUENCE %%s FROM %%s', s.oid::regclass,
    CASE WHEN is_entity THEN strangers ELSE everybody END)
FROM ours CROSS JOIN roles JOIN pg_class s ON s.relnamespace = 'public'::regnamespace AND s.relkind = 'S'
    AND s.relname = ours.relname || CASE WHEN is_entity THEN '_row_order_seq' ELSE '_id_seq' END
UNION ALL
SELECT format('REVOKE ALL ON FUNCTION %%s FROM %%s', name, strangers)
FROM unnest(%(functions)s::text[]) AS name CROSS JOIN roles
UNION ALL
-- What a downgrade executes, and which migrations there were, is the owner's to write.
SELECT format('CREATE POLICY flux_service ON %%s %%s', name,
    CASE WHEN relname = ANY (%(history)s) THEN 'FOR SELECT TO flux_service USING (true)'
         ELSE 'TO flux_service USING (true) WITH CHECK (true)' END)
FROM ours CROSS JOIN roles
WHERE has_service AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = ours.oid AND p.polname = 'flux_service')
