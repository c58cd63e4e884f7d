-- Finds the changes of the retention, as keyrack_retention_of_event reads them. The condition on the kind is a literal, as
-- the index has it.
SELECT id, at,
    CASE
        WHEN (detail ->> 'from') ~ '^[0-9]{1,10}$' THEN greatest((detail ->> 'from')::bigint, 86400)
        ELSE 15552000
    END AS former_seconds
FROM security_events
WHERE kind = 'setting_changed' AND detail ->> 'setting' = 'events_retention_seconds'
ORDER BY id
