SELECT t.name, format('%I.%I', nspname, relname) AS qualified, relkind::text AS kind, relpersistence = 'p' AS durable,
    pg_has_role(relowner, 'USAGE') AS ours, relowner::regrole::text AS owner,
    ARRAY(SELECT conname::text FROM pg_constraint WHERE conrelid = c.oid) AS constraints,
    ARRAY(SELECT conname::text FROM pg_constraint WHERE conrelid = c.oid AND NOT convalidated) AS not_validated,
    EXISTS (
        SELECT FROM pg_constraint
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE conrelid = c.oid AND contype = 'f' AND attname = 'user_id'
    ) AS refers
FROM unnest(ARRAY['users', 'sessions', 'user_sessions']) AS t(name)
JOIN pg_class c ON c.oid = to_regclass(t.name)
JOIN pg_namespace n ON n.oid = relnamespace
