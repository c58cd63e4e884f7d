WITH held AS MATERIALIZED (
    SELECT sid, sess, expire FROM user_sessions WHERE sid = ANY ($1) ORDER BY sid FOR NO KEY UPDATE SKIP LOCKED
)
SELECT keyrack_adopt(sid, sess, expire) FROM held
