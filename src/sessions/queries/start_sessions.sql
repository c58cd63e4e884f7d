WITH candidate AS MATERIALIZED (
    SELECT request.*, presented.known, counted.known_browsers, counted.new_today
    -- SELECT hides the lengths of the lists from the planner, which would plan again for each length.
    FROM unnest(
        (SELECT $1::uuid[]), (SELECT $2::timestamptz[]), (SELECT $3::text[]), (SELECT $4::text[]), (SELECT $5::uuid[]),
        (SELECT $6::text[]), (SELECT $7::text[]), (SELECT $8::text[]), (SELECT $9::bool[]), (SELECT $10::timestamptz[]),
        (SELECT $11::timestamptz[]), (SELECT $12::json[]), (SELECT $13::timestamptz[]),
        (SELECT $14::bigint[]), (SELECT $15::text[]), (SELECT $16::text[]), (SELECT $17::uuid[]),
        (SELECT $18::text[]), (SELECT $19::text[])
    ) AS request (
        user_id, password_changed_at, email, role, id, sid, ip_address, user_agent, remembered, expires_at, now, sess,
        expire, count_active_to, presented_browsers, new_browser, form_id, client_hints, language
    )
    -- LATERAL and OFFSET 0 make the server look up one user after the other by the index. SKIP LOCKED leaves out a user
    -- whom another transaction is changing or signing in, so that the other sign-ins don't wait for it. The lock excludes
    -- other sign-ins of the user, so that their browsers are counted right.
    CROSS JOIN LATERAL (
        SELECT FROM users
        WHERE users.id = request.user_id
            AND users.disabled_at IS NULL
            AND users.password_changed_at = request.password_changed_at
            AND users.email = request.email
            AND users.role = request.role
        OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED
    ) AS unchanged_user
    -- The browsers among the presented ones that the account knows, and whether each of them is settled: known for a
    -- day, its session has ended, and its device is the same. SKIP LOCKED leaves out those that are being deleted.
    CROSS JOIN LATERAL (
        SELECT array_agg(id_hash ORDER BY id_hash) AS known,
            bool_and(created_at <= request.now - interval '24 hours' AND EXISTS (
                SELECT FROM sessions
                WHERE sessions.id = locked_browser.session_id AND sessions.status = 'logged_out'
                    AND sessions.user_agent IS NOT DISTINCT FROM request.user_agent
            )) AS are_settled
        FROM (
            SELECT id_hash, session_id, created_at FROM known_browsers
            WHERE known_browsers.user_id = request.user_id
                AND id_hash = ANY (string_to_array(request.presented_browsers, ' '))
            OFFSET 0 FOR UPDATE SKIP LOCKED
        ) AS locked_browser
    ) AS presented
    CROSS JOIN LATERAL (
        SELECT count(*) AS known_browsers,
            count(*) FILTER (WHERE created_at > request.now - interval '24 hours') AS new_today
        FROM known_browsers
        WHERE known_browsers.user_id = request.user_id AND presented.known IS NULL AND request.new_browser IS NOT NULL
    ) AS counted
    -- Leaves out a sign-in on a browser with a session that continues, and one on a browser that may be new or another
    -- device. A session that the statement does not see may have been started by a transaction that was committed
    -- since.
    WHERE presented.known IS NULL OR presented.are_settled
), sign_in AS MATERIALIZED (
    SELECT numbered.*,
        CASE WHEN known IS NOT NULL THEN known[1] WHEN new_today + number <= $20::bigint THEN new_browser END AS browser
    FROM (
        SELECT *, row_number() OVER (PARTITION BY user_id, known IS NULL, new_browser IS NULL ORDER BY id) AS number,
            row_number() OVER (PARTITION BY user_id, known[1] ORDER BY id) AS number_of_browser
        FROM candidate
    ) AS numbered
    -- Leaves out the second sign-in on a browser, which continues the session of the first, and one for whose browser
    -- another one has to be forgotten.
    WHERE CASE
        WHEN known IS NOT NULL THEN number_of_browser = 1
        ELSE new_browser IS NULL OR new_today + number > $20::bigint OR known_browsers + number <= $21::bigint
    END
), session AS (
    INSERT INTO sessions (
        id, sid, user_id, ip_address, user_agent, remembered, expires_at, created_at, updated_at, last_seen_at,
        authorised_by, authenticated_at, form_id, client_hints, from_new_browser
    )
    SELECT id, sid, user_id, ip_address, user_agent, remembered, expires_at, now, now, now, 'password', now,
        form_id, client_hints,
        known IS NULL AND new_browser IS NOT NULL AND (
            known_browsers + number > 1
            OR EXISTS (SELECT FROM sessions AS earlier WHERE earlier.user_id = sign_in.user_id)
        )
    FROM sign_in
    -- Leaves out a sign-in whose form has started a session already, in this statement or before.
    ON CONFLICT DO NOTHING
    -- The key of a partitioned table contains the sid, so that it finds no such conflict.
    RETURNING id, sid, tableoid <> 'sessions'::regclass AS is_partitioned
), data AS (
    INSERT INTO user_sessions (sid, sess, expire)
    SELECT session.sid, sign_in.sess, sign_in.expire FROM session JOIN sign_in USING (sid)
    RETURNING sid
), used_browser AS (
    UPDATE known_browsers SET session_id = used.session_id, last_used_at = used.now,
        language = coalesce(used.language, known_browsers.language)
    FROM (
        SELECT DISTINCT ON (id_hash) id_hash, session.id AS session_id, now, language
        FROM session JOIN sign_in USING (sid) CROSS JOIN unnest(known) AS id_hash
        ORDER BY id_hash, now DESC
    ) AS used
    WHERE known_browsers.id_hash = used.id_hash
), new_browser AS (
    INSERT INTO known_browsers (id_hash, user_id, session_id, created_at, last_used_at, language)
    SELECT browser, user_id, session.id, now, now, language
    FROM session JOIN sign_in USING (sid)
    WHERE known IS NULL AND browser IS NOT NULL
)
SELECT session.sid, session.id, data.sid IS NOT NULL AS has_data, active.count AS other_active, sign_in.browser,
    known IS NULL AND browser IS NOT NULL AS is_new_browser, session.is_partitioned
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
