UPDATE security_events SET transaction_id = 0
WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
