-- The time zone of this connection, and where it comes from. A role's setting takes precedence over a database's, and
-- that over the server's.
WITH zone_setting AS (
    SELECT setrole, substr(setting, length('TimeZone=') + 1) AS zone
    FROM pg_db_role_setting, unnest(setconfig) AS setting
    WHERE setting ILIKE 'TimeZone=%'
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY setdatabase DESC
)
SELECT setting AS name, source = 'client' AS requested_by_client,
    (
        SELECT count(DISTINCT (t AT TIME ZONE setting) - (t AT TIME ZONE 'UTC')) > 1
        FROM generate_series(now(), now() + interval '1 year', interval '1 day') AS t
    ) AS clocks_change,
    CASE
        WHEN EXISTS (SELECT FROM zone_setting WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = session_user))
            AND setting IS DISTINCT FROM (SELECT zone FROM zone_setting WHERE setrole = 0 LIMIT 1)
        THEN session_user::text
    END AS role_setting
FROM pg_settings WHERE name = 'TimeZone'
