-- Nothing to do: SQLite has no functions.
SELECT 1;
