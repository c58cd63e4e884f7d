-- Ids grow with time, so the oldest events are those with the smallest ids, and no index on the time is needed.
DELETE FROM security_events
WHERE id IN (SELECT id FROM security_events ORDER BY id LIMIT ?1)
    AND at < ?2 AND at < strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || ?3 || ' seconds')
