-- Nothing to do: SQLite has no roles, no schemas and no operators of users. The PostgreSQL migration of this name keeps
-- its functions from using any.
SELECT 1;
