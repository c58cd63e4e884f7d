-- Replaces the role $2 by $3 in the data of those of the sessions $1 that are active. They are locked before their data,
-- and in the order of their ids, as by an end.
WITH active AS MATERIALIZED (
    SELECT sid FROM sessions WHERE id = ANY ($1) AND status = 'active' ORDER BY id FOR NO KEY UPDATE
)
UPDATE user_sessions SET sess = keyrack_with_user(sess, NULL, NULL, $2, $3)
FROM active WHERE user_sessions.sid = active.sid
