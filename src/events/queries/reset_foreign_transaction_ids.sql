-- The trigger refuses it for the events of this transaction, whose number is above those of all decided ones, too.
UPDATE security_events SET transaction_id = 0
WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    AND transaction_id <> pg_current_xact_id()::text::bigint
