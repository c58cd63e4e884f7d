WITH sign_out AS MATERIALIZED (
    SELECT request.*
    -- SELECT hides the lengths of the lists from the planner, which would plan again for each length.
    FROM unnest(
        (SELECT $1::text[]), (SELECT $2::timestamptz[]), (SELECT $3::text[]), (SELECT $4::text[]), (SELECT $5::text[])
    ) AS request (sid, at, ended_by, ended_by_name, ended_from)
    -- SKIP LOCKED leaves out a session that another transaction is changing, so that the others neither wait for it nor
    -- deadlock with it. It also leaves out a session whose data a peer has locked: its end removes the data, and would
    -- wait.
    CROSS JOIN LATERAL (
        SELECT FROM sessions
        WHERE sessions.sid = request.sid AND sessions.status = 'active'
        OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked_session
    CROSS JOIN LATERAL (
        SELECT FROM user_sessions
        WHERE user_sessions.sid = request.sid
        OFFSET 0 FOR UPDATE SKIP LOCKED
    ) AS locked_data
)
UPDATE sessions
SET status = 'logged_out',
    end_reason = 'signed_out',
    logged_out_at = sign_out.at,
    updated_at = sign_out.at,
    data_kept = false,
    ended_by = sign_out.ended_by,
    ended_by_name = sign_out.ended_by_name,
    ended_from = sign_out.ended_from
FROM sign_out
WHERE sessions.sid = sign_out.sid
RETURNING sessions.sid, sessions.id, sessions.user_id, sign_out.at, sessions.expires_at
