-- Finds ?1 of the events that are dated more than a day in the future, or whose time can't be read, if they were recorded
-- before the newest event that is older than ?3 seconds.
SELECT id FROM security_events
WHERE (
        at > max(
            strftime('%Y-%m-%dT%H:%M:%f000Z', ?2, '+1 day'), strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '+1 day')
        )
        OR typeof(at) <> 'text'
        OR at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].*'
    )
    AND id < (
        SELECT id FROM security_events
        WHERE at < min(
                strftime('%Y-%m-%dT%H:%M:%f000Z', ?2, '-' || ?3 || ' seconds'),
                strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || ?3 || ' seconds')
            )
            AND typeof(at) = 'text'
            AND at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].*'
        ORDER BY at DESC LIMIT 1
    )
ORDER BY at LIMIT ?1
