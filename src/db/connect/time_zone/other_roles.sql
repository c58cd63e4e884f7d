-- Roles that have another zone than this connection by a setting of their own.
SELECT rolname::text AS name, zone
FROM (
    SELECT DISTINCT ON (setrole) setrole, substr(setting, length('TimeZone=') + 1) AS zone
    FROM pg_db_role_setting, unnest(setconfig) AS setting
    WHERE setting ILIKE 'TimeZone=%' AND setrole <> session_user::regrole
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY setrole, setdatabase DESC
) AS given
JOIN pg_roles ON pg_roles.oid = setrole AND rolcanlogin AND has_database_privilege(setrole, current_database(), 'CONNECT')
WHERE EXISTS (
    SELECT FROM generate_series(now() - interval '1 year', now() + interval '2 years', interval '1 day') AS t
    WHERE t AT TIME ZONE zone <> t AT TIME ZONE current_setting('TimeZone')
)
ORDER BY 1
