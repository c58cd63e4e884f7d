-- What other roles may do to the security events, and to the settings that say how long they are kept; and rules that
-- change what statements on them do. One sentence per row. The owner, superusers and this role are left out.
WITH guarded AS (
    SELECT pg_class.oid, relowner, relacl, format('%I.%I', nspname, relname) AS name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid IN (to_regclass('security_events'), to_regclass('keyrack_settings'))
), granted AS (
    SELECT guarded.oid, acl.grantee, acl.privilege_type FROM guarded, aclexplode(relacl) AS acl
    UNION
    SELECT guarded.oid, acl.grantee, acl.privilege_type
    FROM guarded JOIN pg_attribute ON attrelid = guarded.oid AND NOT attisdropped, aclexplode(attacl) AS acl
), of_role AS (
    SELECT name, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(rolname) END AS role,
        string_agg(privilege_type, ', ' ORDER BY privilege_type) AS rights
    FROM granted JOIN guarded ON guarded.oid = granted.oid
    LEFT JOIN pg_roles ON pg_roles.oid = grantee
    WHERE privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') AND grantee <> relowner
        AND NOT coalesce(rolsuper OR rolname = current_user, false)
    GROUP BY name, grantee, rolname
)
SELECT format('%s has the rights %s on %s, which only Keyrack needs: it could forge events, or change how long they are '
    'kept; run REVOKE %2$s ON %3$s FROM %1$s', role, rights, name) AS name
FROM of_role
UNION ALL
SELECT format('the rule %s changes what statements on %s do: run DROP RULE %1$s ON %2$s', quote_ident(rulename::text), name)
FROM guarded JOIN pg_rewrite ON ev_class = guarded.oid
ORDER BY name
