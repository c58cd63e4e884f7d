-- Deletes $1 of the oldest events, if they are older than $3 seconds by the server's clock and by the database's.
DELETE FROM security_events
WHERE id IN (
    SELECT id FROM security_events
    WHERE at < least($2 - make_interval(secs => $3), now() - make_interval(secs => $3))
    ORDER BY at LIMIT $1
)
