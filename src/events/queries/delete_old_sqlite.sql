-- Deletes ?1 of the oldest events, if they are older than ?3 seconds by the server's clock and by the database's. Those
-- whose time can't be read are left to find_misdated_sqlite.sql.
DELETE FROM security_events
WHERE id IN (
    SELECT id FROM security_events
    WHERE at < min(
            strftime('%Y-%m-%dT%H:%M:%f000Z', ?2, '-' || ?3 || ' seconds'),
            strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || ?3 || ' seconds')
        )
        AND typeof(at) = 'text'
        AND at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].*'
    ORDER BY at LIMIT ?1
)
