-- The tables of a schema with all that is on them: name, row level security, options, columns, parts, triggers.
WITH found (relid, kind, name, definition, columns, condition, "unique", in_constraint) AS (
    SELECT k.conrelid, k.contype::text, quote_ident(k.conname), pg_get_constraintdef(k.oid),
        ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY AS n (number, place)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number ORDER BY n.place),
        pg_get_expr(k.conbin, k.conrelid), false, true
    FROM pg_constraint k WHERE k.contype IN ('c', 'f')
    UNION ALL
    SELECT x.indrelid, 'i', quote_ident(i.relname), regexp_replace(pg_get_indexdef(i.oid), '^.*? USING ', 'USING '),
        ARRAY(SELECT quote_ident(a.attname) FROM unnest(x.indkey::int[]) WITH ORDINALITY AS n (number, place)
              JOIN pg_attribute a ON a.attrelid = x.indrelid AND (a.attnum = n.number OR n.number = 0 AND EXISTS (
                  SELECT FROM pg_depend d
                  WHERE d.objid = i.oid AND d.refobjid = x.indrelid AND d.refobjsubid = a.attnum))
              ORDER BY n.place),
        pg_get_expr(x.indpred, x.indrelid), x.indisunique,
        EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('u', 'p', 'x'))
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indisvalid
), parts AS (
    SELECT f.*, split_part(regexp_replace(definition, '^USING btree ', ''), ' WHERE ', 1) AS keys,
        CASE kind
            WHEN 'i' THEN concat('CREATE ', CASE WHEN f.unique THEN 'UNIQUE ' END, 'INDEX ', name, ' ON ', relname, ' ')
            ELSE concat('ALTER TABLE ', relname, ' ADD CONSTRAINT ', name, ' ')
        END || definition AS make,
        CASE kind WHEN 'i' THEN 'DROP INDEX ' ELSE concat('ALTER TABLE ', relname, ' DROP CONSTRAINT ') END || name
            AS drop
    FROM found f JOIN pg_class c ON c.oid = f.relid
)
SELECT c.relname, c.relrowsecurity, coalesce(c.reloptions, '{}'),
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
         'name', quote_ident(a.attname),
         'type', format_type(a.atttypid, a.atttypmod),
         'not_null', a.attnotnull,
         'default', coalesce(pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attidentity <> '' THEN 'identity' END)
     ) ORDER BY a.attnum), '[]')
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT coalesce(jsonb_agg(to_jsonb(p) - 'relid' ORDER BY p.kind, p.name), '[]')
     FROM parts p WHERE p.relid = c.oid),
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
         'name', quote_ident(t.tgname),
         'definition', replace(pg_get_triggerdef(t.oid), ' ON ' || %(schema)s || '.', ' ON '),
         'enabled', t.tgenabled
     ) ORDER BY t.tgname), '[]')
     FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
FROM pg_class c
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r'
ORDER BY c.relname
