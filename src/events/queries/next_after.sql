-- Events of transactions that were all decided before this statement began. A cursor of another server, from before a
-- restore, has a number that this one has not reached: its events have the number 0 here.
SELECT id, transaction_id, at, kind, user_id, session_id, actor, ip_address, detail
FROM security_events
WHERE (transaction_id, id) > (
        CASE WHEN $1 < pg_snapshot_xmax(pg_current_snapshot())::text::bigint THEN $1 ELSE 0 END, $2
    )
    AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY transaction_id, id
LIMIT $3
