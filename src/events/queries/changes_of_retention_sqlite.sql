-- Finds the changes of the retention, as keyrack_keep_recent_events reads them. The condition on the kind is a literal, as
-- the index has it.
SELECT id, at, max(CAST(json_extract(detail, '$.from') AS INTEGER), 86400) AS former_seconds
FROM security_events
WHERE kind = 'setting_changed'
    AND CASE
        WHEN json_valid(detail)
            THEN json_extract(detail, '$.setting') = 'events_retention_seconds'
                AND json_extract(detail, '$.from') IS NOT NULL
    END
ORDER BY id
