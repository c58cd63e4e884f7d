-- The twin of the PostgreSQL migration, which lets the sessions follow what an Express peer does. It has no peer here: Express
-- shares PostgreSQL databases only.
SELECT 1;
