-- Settings that turn triggers off, one sentence per row.
SELECT format('session_replication_role is %s on this connection, so no trigger fires: run ALTER SYSTEM RESET '
    'session_replication_role, and remove it from the URL', current_setting('session_replication_role')) AS name
WHERE current_setting('session_replication_role') <> 'origin'
UNION ALL
SELECT format('%s has session_replication_role set, so no trigger fires for it: run ALTER %s RESET '
    'session_replication_role',
    CASE WHEN setrole <> 0 THEN 'the role ' || rolname ELSE 'the database' END,
    CASE
        WHEN setrole <> 0 AND setdatabase <> 0 THEN format('ROLE %I IN DATABASE %I', rolname, current_database())
        WHEN setrole <> 0 THEN format('ROLE %I', rolname)
        ELSE format('DATABASE %I', current_database())
    END)
FROM pg_db_role_setting
LEFT JOIN pg_roles ON pg_roles.oid = setrole, unnest(setconfig) AS setting
WHERE setting ILIKE 'session_replication_role=%' AND setting NOT ILIKE '%=origin'
    AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
