WITH sign_in AS MATERIALIZED (
    SELECT request.*
    -- SELECT hides the lengths of the lists from the planner, which would plan again for each length.
    FROM unnest(
        (SELECT $1::uuid[]), (SELECT $2::timestamptz[]), (SELECT $3::text[]), (SELECT $4::text[]), (SELECT $5::uuid[]),
        (SELECT $6::text[]), (SELECT $7::text[]), (SELECT $8::text[]), (SELECT $9::bool[]), (SELECT $10::timestamptz[]),
        (SELECT $11::timestamptz[]), (SELECT $12::json[]), (SELECT $13::timestamptz[]),
        (SELECT $14::bigint[])
    ) AS request (
        user_id, password_changed_at, email, role, id, sid, ip_address, user_agent, remembered, expires_at, now, sess,
        expire, count_active_to
    )
    -- LATERAL and OFFSET 0 make the server look up one user after the other by the index. SKIP LOCKED leaves out a user
    -- whom another transaction is changing, so that the other sign-ins don't wait for it.
    CROSS JOIN LATERAL (
        SELECT FROM users
        WHERE users.id = request.user_id
            AND users.disabled_at IS NULL
            AND users.password_changed_at = request.password_changed_at
            AND users.email = request.email
            AND users.role = request.role
        OFFSET 0 FOR SHARE SKIP LOCKED
    ) AS unchanged_user
), session AS (
    INSERT INTO sessions (
        id, sid, user_id, ip_address, user_agent, remembered, expires_at, created_at, updated_at, last_seen_at,
        authorised_by
    )
    SELECT id, sid, user_id, ip_address, user_agent, remembered, expires_at, now, now, now, 'password' FROM sign_in
    RETURNING id, sid
), data AS (
    INSERT INTO user_sessions (sid, sess, expire)
    SELECT session.sid, sign_in.sess, sign_in.expire FROM session JOIN sign_in USING (sid)
    RETURNING sid
)
SELECT session.sid, session.id, data.sid IS NOT NULL AS has_data, active.count AS other_active
FROM session
JOIN sign_in USING (sid)
LEFT JOIN data USING (sid)
-- Counts no further than the limit of sessions, and none without a limit. It sees neither the rows of this statement nor
-- those of transactions that are not committed.
CROSS JOIN LATERAL (
    SELECT count(*) FROM (
        SELECT FROM sessions
        WHERE sessions.user_id = sign_in.user_id AND sessions.status = 'active'
        LIMIT sign_in.count_active_to
    ) AS counted
) AS active
