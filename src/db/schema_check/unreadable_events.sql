-- Counts the events that the constraint security_events_are_readable would refuse, and lists the first ten.
SELECT count(*) AS count, coalesce(string_agg(id::text, ', ' ORDER BY id) FILTER (WHERE position <= 10), '') AS ids
FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS position FROM security_events
    WHERE id NOT BETWEEN 1 AND 9007199254740991 OR transaction_id < 0 OR NOT isfinite(at) OR kind !~ '^[a-z0-9_]+$'
        OR json_typeof(detail) <> 'object' OR detail::text ~ E'\\\\u(0000|[dD][89abABcdefCDEF])'
) AS unreadable
