WITH activity AS (
    SELECT sessions.id, noted.at, noted.expire, noted.address,
        coalesce(sessions.last_ip_address, sessions.ip_address, '') AS former_address
    FROM unnest($1, $2, $3, $4) AS noted (id, at, expire, address)
    JOIN sessions ON sessions.id = noted.id
    WHERE sessions.status = 'active' AND sessions.last_seen_at < noted.at
    ORDER BY sessions.id
    FOR NO KEY UPDATE OF sessions SKIP LOCKED
), session AS (
    UPDATE sessions SET last_seen_at = activity.at, updated_at = activity.at
    FROM activity
    WHERE sessions.id = activity.id
    RETURNING sessions.sid, activity.expire
), data AS (
    -- The data's expiry moves after the session's activity: from that order, the trigger on it knows that no peer wrote it.
    UPDATE user_sessions SET expire = session.expire
    FROM session
    WHERE user_sessions.sid = session.sid AND user_sessions.expire < session.expire
)
-- The sessions that are used from another address than before. It may be in the same network, which is not for SQL to say:
-- the text of a peer may be no address.
SELECT id, former_address FROM activity WHERE address <> former_address
