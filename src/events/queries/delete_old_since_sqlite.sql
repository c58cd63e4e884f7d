-- The same for the events after the one with the time ?4 and the id ?5.
DELETE FROM security_events
WHERE id IN (
    SELECT id FROM security_events
    WHERE at < min(
            strftime('%Y-%m-%dT%H:%M:%f000Z', ?2, '-' || ?3 || ' seconds'),
            strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || ?3 || ' seconds')
        )
        AND at >= ?4 AND id > ?5 AND typeof(at) = 'text'
        AND at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].*'
    ORDER BY at LIMIT ?1
)
