-- The next rows of data after one sid, and what they are. The rules are those of the triggers.
WITH page AS MATERIALIZED (
    SELECT sid, sess, expire > now() AS is_live, keyrack_user_of(sess) AS named
    FROM user_sessions WHERE sid > $1 ORDER BY sid LIMIT $2
), judged AS MATERIALIZED (
    SELECT page.sid,
        CASE
            WHEN status = 'logged_out' THEN CASE WHEN data_kept THEN 'kept' ELSE 'returned' END
            WHEN NOT is_live THEN 'expired'
            WHEN status = 'active' THEN 'known'
            WHEN keyrack_readable(sess) IS NULL THEN 'unreadable'
            WHEN named IS NULL THEN CASE
                -- Somebody is signed in, by an id of another kind.
                WHEN keyrack_readable(sess) ->> 'userId' <> '' AND keyrack_readable(sess) ->> 'status' IS DISTINCT FROM 'logout'
                THEN 'no uuid' ELSE 'without user'
            END
            WHEN users.id IS NULL THEN 'unknown user'
            ELSE 'new'
        END AS what,
        is_live AND status IS DISTINCT FROM 'logged_out' AS is_live
    FROM page LEFT JOIN sessions ON sessions.sid = page.sid LEFT JOIN users ON users.id = named
)
SELECT (SELECT sid FROM page ORDER BY sid DESC LIMIT 1)::text AS last,
    count(*) FILTER (WHERE is_live) AS live,
    count(*) FILTER (WHERE what = 'known') AS known,
    count(*) FILTER (WHERE what = 'without user') AS without_user,
    count(*) FILTER (WHERE what = 'no uuid') AS no_uuid,
    count(*) FILTER (WHERE what = 'unknown user') AS unknown_user,
    count(*) FILTER (WHERE what = 'unreadable') AS unreadable,
    count(*) FILTER (WHERE what = 'expired') AS expired,
    coalesce(array_agg(sid::text) FILTER (WHERE what = 'new'), '{}') AS new,
    coalesce(array_agg(sid::text) FILTER (WHERE what = 'returned'), '{}') AS returned
FROM judged
