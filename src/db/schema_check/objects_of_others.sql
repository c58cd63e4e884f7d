-- Operators, and functions with the names of PostgreSQL's, that another role has made where this connection looks for
-- names: a statement whose types they fit exactly would use them. One sentence per row. Those of extensions, of the
-- owners of the schema and the tables, of this role and of superusers are left out.
SELECT format(
    'the %1$s %2$s of the role %3$s might be run by Keyrack''s statements, with Keyrack''s rights: find out what it did, '
    'run DROP %4$s %2$s, and REVOKE CREATE ON SCHEMA %5$s FROM %3$s', kind, name, quote_ident(rolname), upper(kind),
    quote_ident(nspname)
) AS name
FROM (
    SELECT 'operator' AS kind, oid, 'pg_operator'::regclass AS class, oprnamespace AS namespace, oprowner AS owner,
        oid::regoperator::text AS name
    FROM pg_operator
    UNION ALL
    SELECT 'function', oid, 'pg_proc'::regclass, pronamespace, proowner, oid::regprocedure::text
    FROM pg_proc
    WHERE prokind IN ('f', 'w') AND pronamespace <> 'pg_catalog'::regnamespace AND EXISTS (
        SELECT FROM pg_proc AS theirs
        WHERE theirs.proname = pg_proc.proname AND theirs.pronamespace = 'pg_catalog'::regnamespace
    )
) AS object
JOIN pg_namespace ON pg_namespace.oid = namespace
JOIN pg_roles ON pg_roles.oid = owner
WHERE nspname = ANY (current_schemas(false)) AND NOT rolsuper AND rolname <> current_user AND owner <> nspowner
    AND owner IS DISTINCT FROM (SELECT relowner FROM pg_class WHERE oid = to_regclass('sessions'))
    AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = object.class AND objid = object.oid AND deptype = 'e'
    )
ORDER BY kind, object.name
