-- Inserts no event, but locks the table as the event of an existing account does: a wait for that lock must not tell
-- which addresses are known.
WITH no_event AS (
    INSERT INTO security_events (kind, actor) SELECT 'sign_in_failed', 'user' WHERE false
)
INSERT INTO sign_in_failures AS counted (key, in_a_row, last_failure_at, forgotten_at)
VALUES ($1, 1, $2, $2 + make_interval(secs => $3))
ON CONFLICT (key) DO UPDATE SET
    in_a_row = least(counted.in_a_row, 2000000000) + 1,
    last_failure_at = greatest(counted.last_failure_at, excluded.last_failure_at),
    forgotten_at = greatest(counted.forgotten_at, excluded.last_failure_at)
        + (excluded.forgotten_at - excluded.last_failure_at)
