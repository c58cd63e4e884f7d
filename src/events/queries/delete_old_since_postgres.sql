-- The same for the events after the one with the time $4 and the id $5.
DELETE FROM security_events
WHERE id IN (
    SELECT id FROM security_events
    WHERE at < least($2 - make_interval(secs => $3), now() - make_interval(secs => $3)) AND at >= $4 AND id > $5
    ORDER BY at LIMIT $1
)
