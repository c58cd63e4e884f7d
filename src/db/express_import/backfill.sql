-- The next rows of `sessions` after one id, in the order of their ids: what Express did not know is filled in.
-- Nobody is signed out by the move: Express knew no absolute end, so a session whose data is alive has none.
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
        remembered = s.remembered OR (before.is_alive AND before.lasts),
        data_kept = s.data_kept OR before.is_record
    FROM (
        SELECT id,
            status = 'active' AND expire IS NOT NULL AND expire > now() AS is_alive,
            sess::text ~ '"cookie"\s*:\s*\{[^{}]*"expires"\s*:\s*"' AS lasts,
            status = 'logged_out' AND sess IS NOT NULL AND sess::text ~ '"status"\s*:\s*"logout"' AS is_record
        FROM batch JOIN sessions USING (id) LEFT JOIN user_sessions USING (sid)
    ) AS before
    WHERE s.id = before.id AND (
        s.last_seen_at IS NULL OR before.is_alive OR before.is_record
        OR s.status = 'logged_out' AND (s.logged_out_at IS NULL OR s.end_reason IS NULL)
    )
)
SELECT id FROM batch ORDER BY id DESC LIMIT 1
