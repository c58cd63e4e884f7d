WITH active AS MATERIALIZED (
    SELECT sessions.id, ended.reason, ended.at
    FROM unnest($1, $2, $3) AS ended (id, reason, at)
    JOIN sessions ON sessions.id = ended.id
    WHERE sessions.status = 'active'
    ORDER BY sessions.id
    FOR NO KEY UPDATE OF sessions
)
UPDATE sessions
SET status = 'logged_out', end_reason = active.reason, logged_out_at = active.at, updated_at = active.at,
    data_kept = false, ended_by = 'system'
FROM active
WHERE sessions.id = active.id
