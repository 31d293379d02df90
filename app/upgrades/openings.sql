-- Whoever is neither an owner nor an administrator nor the service, and may do something all the same: the roles, what
-- they can do, and the statement that ends it.
WITH ours AS (
    SELECT oid, relname, relowner, relrowsecurity FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY (%(entities)s || %(internal)s)
), strangers AS (
    SELECT oid, rolname FROM pg_roles AS r
    WHERE NOT rolsuper AND NOT rolbypassrls AND rolname !~ '^pg_' AND rolname <> current_user
        AND NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'flux_service' AND pg_has_role(r.oid, s.oid, 'USAGE'))
        AND NOT EXISTS (SELECT FROM ours WHERE pg_has_role(r.oid, ours.relowner, 'USAGE'))
), permissive AS (
    SELECT p.polrelid, p.polname, s.oid AS role FROM pg_policy p CROSS JOIN strangers s
    WHERE p.polpermissive AND 'true' IN (pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
        AND EXISTS (SELECT FROM unnest(p.polroles) AS r (oid)
                    WHERE r.oid = 0 OR pg_has_role(s.oid, nullif(r.oid, 0), 'USAGE'))
), openings AS (
    SELECT s.rolname, 'read or write ' || o.relname AS what,
        format('ALTER TABLE %%I ENABLE ROW LEVEL SECURITY', o.relname) AS cure
    FROM ours o CROSS JOIN strangers s
    WHERE NOT o.relrowsecurity AND (has_any_column_privilege(s.oid, o.oid, 'SELECT, INSERT, UPDATE')
                                    OR has_table_privilege(s.oid, o.oid, 'DELETE'))
    UNION ALL
    SELECT s.rolname, 'read or write all of ' || o.relname, format('DROP POLICY %%I ON %%I', p.polname, o.relname)
    FROM ours o JOIN permissive p ON p.polrelid = o.oid JOIN strangers s ON s.oid = p.role
    WHERE o.relrowsecurity AND (has_any_column_privilege(s.oid, o.oid, 'SELECT, INSERT, UPDATE')
                                OR has_table_privilege(s.oid, o.oid, 'DELETE'))
    UNION ALL
    SELECT s.rolname, 'empty ' || o.relname, format('REVOKE TRUNCATE ON %%I FROM PUBLIC', o.relname)
    FROM ours o CROSS JOIN strangers s WHERE has_table_privilege(s.oid, o.oid, 'TRUNCATE')
    UNION ALL
    -- A materialized view is read without the policies of its tables, and so is a view that does not ask for them.
    SELECT s.rolname, 'read ' || o.relname || ' in the view ' || v.oid::regclass,
        format('REVOKE ALL ON %%s FROM PUBLIC', v.oid::regclass)
    FROM ours o JOIN pg_depend d ON d.refobjid = o.oid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class CROSS JOIN strangers s
    WHERE has_any_column_privilege(s.oid, v.oid, 'SELECT') AND v.relkind IN ('m', 'v')
        AND NOT coalesce(v.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
    UNION ALL
    SELECT s.rolname, 'call ' || f.name, format('REVOKE ALL ON FUNCTION %%s FROM PUBLIC', f.name)
    FROM (SELECT unnest(%(functions)s::text[]) AS name) f CROSS JOIN strangers s
    WHERE has_function_privilege(s.oid, f.name, 'EXECUTE')
)
SELECT string_agg(DISTINCT rolname, ', '), what,
    CASE WHEN cure LIKE 'REVOKE%%' THEN cure || string_agg(DISTINCT ', ' || quote_ident(rolname), '')
         ELSE cure END
FROM openings GROUP BY what, cure ORDER BY what
