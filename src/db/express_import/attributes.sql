SELECT t.name AS relation, attname::text AS name, typname::text AS type_name,
    format_type(atttypid, atttypmod) AS displayed_type,
    CASE WHEN atttypmod > 0 THEN atttypmod - 4 END AS length, attnotnull AS not_null,
    CASE WHEN attidentity <> '' THEN 'identity' ELSE pg_get_expr(adbin, adrelid) END AS default
FROM unnest(ARRAY['users', 'sessions', 'user_sessions']) AS t(name)
JOIN pg_attribute ON attrelid = to_regclass(t.name) AND attnum > 0 AND NOT attisdropped
JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
ORDER BY t.name, attnum
