SELECT t.name, format('%I.%I', nspname, relname) AS qualified_name, relkind::text AS kind,
    relpersistence = 'p' AS is_durable,
    pg_has_role(relowner, 'USAGE') AS can_alter, relowner::regrole::text AS owner,
    ARRAY(SELECT conname::text FROM pg_constraint WHERE conrelid = c.oid) AS constraints,
    ARRAY(
        SELECT conname::text FROM pg_constraint WHERE conrelid = c.oid AND NOT convalidated
    ) AS unvalidated_constraints,
    EXISTS (
        SELECT FROM pg_constraint
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE conrelid = c.oid AND contype = 'f' AND attname = 'user_id'
    ) AS has_user_foreign_key
FROM unnest(ARRAY['users', 'sessions', 'user_sessions']) AS t(name)
JOIN pg_class c ON c.oid = to_regclass(t.name)
JOIN pg_namespace n ON n.oid = relnamespace
