-- The roles that may create objects in a schema in which this connection looks for names, besides the owner of the
-- schema and the roles that are trusted. One row per schema.
SELECT quote_ident(nspname) AS schema, string_agg(role, ', ' ORDER BY role) AS roles
FROM (
    SELECT DISTINCT pg_namespace.nspname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(rolname) END AS role
    FROM path
    JOIN pg_namespace ON pg_namespace.oid = path.oid
    CROSS JOIN aclexplode(coalesce(nspacl, acldefault('n', pg_namespace.nspowner))) AS privilege
    LEFT JOIN pg_roles ON pg_roles.oid = grantee
    WHERE privilege_type = 'CREATE' AND grantee <> pg_namespace.nspowner AND grantee NOT IN (SELECT role FROM trusted)
) AS grants
GROUP BY nspname
ORDER BY nspname
