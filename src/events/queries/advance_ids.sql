-- Lets the ids of new events begin after the greatest one. Rows that were restored, or that another program has given ids
-- of its own, leave the sequence behind, and every event whose id is taken makes its transaction fail: a sign-in, say.
-- Ids that are far ahead are left alone: after them there may be no more.
SELECT setval(sequence, greatest_id)
FROM (
    SELECT sequence, last_id,
        (SELECT max(id) FROM security_events WHERE id <= last_id + 1000000000) AS greatest_id
    FROM (
        SELECT sequence, coalesce(pg_sequence_last_value(sequence), 0) AS last_id
        FROM (SELECT pg_get_serial_sequence('security_events', 'id')::regclass AS sequence) AS of_column
    ) AS known
) AS ids
WHERE greatest_id > last_id
