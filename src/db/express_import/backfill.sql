-- Backfills the next $2 rows of `sessions` after the id $1, in the order of their ids, and returns the last id.
-- Express knows no absolute expiry, so a session whose data is alive gets none: the import signs no user out.
WITH batch AS MATERIALIZED (
    SELECT id FROM sessions WHERE id > $1 ORDER BY id LIMIT $2
), changed AS (
    UPDATE sessions AS s
    SET last_seen_at = coalesce(s.last_seen_at, greatest(s.updated_at, s.created_at)),
        logged_out_at = CASE s.status
            WHEN 'logged_out' THEN coalesce(s.logged_out_at, greatest(s.updated_at, s.created_at)) ELSE s.logged_out_at
        END,
        end_reason = CASE s.status WHEN 'logged_out' THEN coalesce(s.end_reason, 'signed_out') ELSE s.end_reason END,
        expires_at = CASE WHEN before.is_alive THEN '9999-12-31 23:59:59.999999+00' ELSE s.expires_at END,
        remembered = s.remembered OR (before.is_alive AND before.is_persistent),
        data_kept = s.data_kept OR before.is_kept
    FROM (
        SELECT id,
            status = 'active' AND expire IS NOT NULL AND expire > now() AS is_alive,
            sess::text ~ '"cookie"\s*:\s*\{[^{}]*"expires"\s*:\s*"' AS is_persistent,
            status = 'logged_out' AND sess IS NOT NULL AND sess::text ~ '"status"\s*:\s*"logout"' AS is_kept
        FROM batch JOIN sessions USING (id) LEFT JOIN user_sessions USING (sid)
    ) AS before
    WHERE s.id = before.id AND (
        s.last_seen_at IS NULL OR before.is_alive OR before.is_kept
        OR s.status = 'logged_out' AND (s.logged_out_at IS NULL OR s.end_reason IS NULL)
    )
)
SELECT id FROM batch ORDER BY id DESC LIMIT 1
