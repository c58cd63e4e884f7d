-- Nothing to do: SQLite's lower() changes ASCII letters only, and no collation changes that. The PostgreSQL migration of
-- this name gives its index the same meaning.
SELECT 1;
