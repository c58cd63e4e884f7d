-- Deletes ?1 of the oldest events, if they are older than ?3 seconds by the server's clock and by the database's.
DELETE FROM security_events
WHERE id IN (
    SELECT id FROM security_events
    WHERE at < min(
        strftime('%Y-%m-%dT%H:%M:%f000Z', ?2, '-' || ?3 || ' seconds'),
        strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || ?3 || ' seconds')
    )
    ORDER BY at LIMIT ?1
)
