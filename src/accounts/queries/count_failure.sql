INSERT INTO sign_in_failures AS counted (key, in_a_row, last_failure_at, forgotten_at)
SELECT request.key, 1, $3, $3 + make_interval(secs => request.step)
FROM unnest($1, $2) AS request (key, step)
-- Two transactions that count under the same keys lock them in the same order.
ORDER BY request.key COLLATE "C"
ON CONFLICT (key) DO UPDATE SET
    in_a_row = least(counted.in_a_row, 2000000000) + 1,
    last_failure_at = greatest(counted.last_failure_at, excluded.last_failure_at),
    forgotten_at = greatest(counted.forgotten_at, excluded.last_failure_at)
        + (excluded.forgotten_at - excluded.last_failure_at)
RETURNING key, in_a_row
