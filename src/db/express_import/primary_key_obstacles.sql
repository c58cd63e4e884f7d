-- Counts what prevents a primary key on the column $2 of the table $1: an existing primary key, and a nullable column,
-- which PostgreSQL would have to check by reading the whole table.
SELECT (SELECT count(*) FROM pg_index WHERE indrelid = $1::regclass AND indisprimary)
    + (SELECT count(*) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2 AND NOT attnotnull) AS count
