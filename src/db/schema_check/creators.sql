-- The roles that may create objects in a schema in which this connection looks for names, besides the owner of the schema,
-- that of the tables, this one, and superusers. One row per schema.
SELECT quote_ident(nspname) AS schema, string_agg(role, ', ' ORDER BY role) AS roles
FROM (
    SELECT DISTINCT nspname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(rolname) END AS role
    FROM pg_namespace
    CROSS JOIN aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS privilege
    LEFT JOIN pg_roles ON pg_roles.oid = grantee
    WHERE nspname = ANY (current_schemas(false)) AND privilege_type = 'CREATE'
        AND grantee <> nspowner AND rolsuper IS NOT TRUE AND rolname IS DISTINCT FROM current_user
        AND grantee IS DISTINCT FROM (SELECT relowner FROM pg_class WHERE oid = to_regclass('sessions'))
) AS grants
GROUP BY nspname
ORDER BY nspname
