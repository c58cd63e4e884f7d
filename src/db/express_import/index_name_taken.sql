-- Counts the relations in the schema of the table $1 that are called $2: another table's index, or a valid index of
-- this table that serves another purpose.
SELECT count(*)
FROM pg_class c
JOIN pg_class t ON t.oid = $1::regclass AND t.relnamespace = c.relnamespace
LEFT JOIN pg_index ON indexrelid = c.oid
WHERE c.relname = $2 AND NOT (indrelid IS NOT DISTINCT FROM t.oid AND NOT indisvalid)
