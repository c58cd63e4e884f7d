-- The columns of these tables: their types, and whether they accept NULL. Quotes are removed, which the server adds where
-- quote_all_identifiers is on.
SELECT t.name AS table, attname::text AS name,
    concat(replace(format_type(atttypid, atttypmod), '"', ''), CASE WHEN attnotnull THEN ' NOT NULL' END) AS declared
FROM unnest($1) AS t (name)
JOIN pg_attribute ON attrelid = to_regclass(t.name) AND attnum > 0 AND NOT attisdropped
