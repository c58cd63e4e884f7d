SELECT transaction_id, id
FROM security_events
WHERE transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY transaction_id DESC, id DESC
LIMIT 1
