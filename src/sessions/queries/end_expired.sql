UPDATE sessions
SET status = 'logged_out', end_reason = ended.reason, logged_out_at = ended.at, updated_at = $4, ended_by = 'system'
FROM unnest($1, $2, $3) AS ended (id, reason, at)
WHERE sessions.id = ended.id
