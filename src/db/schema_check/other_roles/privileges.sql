-- What other roles may do with the tables that are Keyrack's alone, such as what ALTER DEFAULT PRIVILEGES gave them. One
-- sentence per role and table. The doctor has a rule of its own for changes of security events and settings.
SELECT format(
    '%1$s has the rights %2$s on %3$s, which Keyrack did not give and no application needs: unless it is meant to have '
    'them, run REVOKE %2$s ON %3$s FROM %1$s', role, string_agg(privilege_type, ', ' ORDER BY privilege_type), qualified
) AS name
FROM (
    SELECT DISTINCT qualified, privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(rolname) END AS role
    FROM relation
    JOIN pg_class ON pg_class.oid = relation.oid
    CROSS JOIN aclexplode(relacl) AS privilege
    LEFT JOIN pg_roles ON pg_roles.oid = grantee
    WHERE is_own AND grantee <> relation.relowner AND grantee NOT IN (SELECT role FROM trusted)
        AND (relation.relname NOT IN ('security_events', 'keyrack_settings') OR privilege_type = 'REFERENCES')
) AS granted
GROUP BY role, qualified
ORDER BY qualified, role
