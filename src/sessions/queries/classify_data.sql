-- Classifies the next rows of data after a sid, by the same rules as the triggers.
WITH page AS MATERIALIZED (
    SELECT sid, sess, expire > now() AS is_live, keyrack_user_of(sess) AS user_id
    FROM user_sessions WHERE sid > $1 ORDER BY sid LIMIT $2
), classified AS MATERIALIZED (
    SELECT page.sid,
        CASE
            WHEN status = 'logged_out' THEN CASE WHEN data_kept THEN 'kept' ELSE 'resurrected' END
            WHEN NOT is_live THEN 'expired'
            WHEN status = 'active' THEN 'known'
            WHEN keyrack_readable(sess) IS NULL THEN 'unreadable'
            WHEN page.user_id IS NULL THEN CASE
                -- A user is signed in, but their id is not a UUID.
                WHEN keyrack_readable(sess) ->> 'userId' <> ''
                    AND keyrack_readable(sess) ->> 'status' IS DISTINCT FROM 'logout'
                THEN 'user id not uuid' ELSE 'without user'
            END
            WHEN users.id IS NULL THEN 'unknown user'
            WHEN users.disabled_at IS NOT NULL THEN 'disabled user'
            ELSE 'new'
        END AS class,
        is_live AND status IS DISTINCT FROM 'logged_out' AS is_live
    FROM page LEFT JOIN sessions ON sessions.sid = page.sid LEFT JOIN users ON users.id = page.user_id
)
SELECT (SELECT sid FROM page ORDER BY sid DESC LIMIT 1)::text AS last,
    count(*) FILTER (WHERE is_live) AS live,
    count(*) FILTER (WHERE class = 'known') AS known,
    count(*) FILTER (WHERE class = 'without user') AS without_user,
    count(*) FILTER (WHERE class = 'user id not uuid') AS user_id_not_uuid,
    count(*) FILTER (WHERE class = 'unknown user') AS unknown_user,
    count(*) FILTER (WHERE class = 'unreadable') AS unreadable,
    count(*) FILTER (WHERE class = 'expired') AS expired,
    coalesce(array_agg(sid::text) FILTER (WHERE class = 'new'), '{}') AS new,
    coalesce(array_agg(sid::text) FILTER (WHERE class = 'disabled user'), '{}') AS disabled,
    coalesce(array_agg(sid::text) FILTER (WHERE class = 'resurrected'), '{}') AS resurrected
FROM classified
