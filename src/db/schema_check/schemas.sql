-- The schemas of Keyrack's tables, and that of its functions (named ''), each quoted and with a dot, as
-- keyrack_secure_functions writes them into the functions.
SELECT name, concat('"', replace(nspname::text, '"', '""'), '".') AS schema
FROM unnest($1) AS t (name)
JOIN pg_class ON pg_class.oid = to_regclass(name)
JOIN pg_namespace ON pg_namespace.oid = relnamespace
UNION ALL
SELECT '', concat('"', replace(current_schema()::text, '"', '""'), '".')
