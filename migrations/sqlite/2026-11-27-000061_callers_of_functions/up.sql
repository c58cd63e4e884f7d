-- Nothing to do: SQLite has no roles and no functions.
SELECT 1;
