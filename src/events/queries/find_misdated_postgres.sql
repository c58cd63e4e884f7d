-- Finds $1 of the events that are dated more than a day in the future, if they were recorded before the newest event
-- that is older than $3 seconds.
SELECT id FROM security_events
WHERE at > greatest($2, now()) + interval '1 day' AND id < (
    SELECT id FROM security_events
    WHERE at < least($2 - make_interval(secs => $3), now() - make_interval(secs => $3))
    ORDER BY at DESC LIMIT 1
)
ORDER BY at LIMIT $1
