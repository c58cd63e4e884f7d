-- Operators, and functions, aggregates and procedures with the names of PostgreSQL's or of Keyrack's, that a role which
-- isn't trusted has made where this connection looks for names: a statement whose types they fit exactly would use
-- them. One sentence per row. Those of extensions belong to a superuser, unless a role has added its own.
SELECT format(
    'the %1$s %2$s of the role %3$s might be run by Keyrack''s statements, with Keyrack''s rights: find out what it '
    'did, run DROP %4$s %2$s, and REVOKE CREATE ON SCHEMA %5$s FROM %3$s', kind, name, quote_ident(rolname),
    upper(kind COLLATE "C"), quote_ident(nspname)
) AS name
FROM (
    SELECT 'operator' AS kind, oprnamespace AS namespace, oprowner AS owner, oid::regoperator::text AS name
    FROM pg_operator
    UNION ALL
    SELECT CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END, pronamespace, proowner,
        oid::regprocedure::text
    FROM pg_proc
    WHERE pronamespace <> 'pg_catalog'::regnamespace AND (starts_with(proname, 'keyrack_') OR EXISTS (
        SELECT FROM pg_proc AS theirs
        WHERE theirs.proname = pg_proc.proname AND theirs.pronamespace = 'pg_catalog'::regnamespace
    ))
) AS object
JOIN path ON path.oid = namespace
JOIN pg_roles ON pg_roles.oid = owner
WHERE owner NOT IN (SELECT role FROM trusted)
ORDER BY kind, object.name
