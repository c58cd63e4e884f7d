-- The trigger refuses it for the events of this transaction, whose number is above those of all decided ones, too. Events
-- that are older than the constraint security_events_are_readable, and break it, can't be changed.
UPDATE security_events SET transaction_id = 0
WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    AND transaction_id <> pg_current_xact_id()::text::bigint
    AND id BETWEEN 1 AND 9007199254740991 AND isfinite(at) AND kind ~ '^[a-z0-9_]+$'
    AND CASE WHEN detail::text !~ E'\\\\u(0000|[dD])' THEN json_typeof(detail) = 'object' END
