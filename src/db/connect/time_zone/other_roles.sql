-- Roles whose own setting gives them another time zone than this connection has.
SELECT rolname::text AS name, zone
FROM (
    SELECT DISTINCT ON (setrole) setrole, substr(setting, length('TimeZone=') + 1) AS zone
    FROM pg_db_role_setting, unnest(setconfig) AS setting
    WHERE setting ILIKE 'TimeZone=%' AND setrole <> (SELECT oid FROM pg_roles WHERE rolname = session_user)
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY setrole, setdatabase DESC
) AS zone_setting
JOIN pg_roles ON pg_roles.oid = setrole AND rolcanlogin
    AND has_database_privilege(setrole, current_database(), 'CONNECT')
WHERE EXISTS (
    SELECT FROM generate_series(now() - interval '1 year', now() + interval '2 years', interval '1 day') AS t
    WHERE t AT TIME ZONE zone <> t AT TIME ZONE current_setting('TimeZone')
)
ORDER BY 1
