-- Keyrack's functions in the current schema: their source, how they run, and whose they are.
SELECT proname::text AS name, pg_proc.oid::regprocedure::text AS signature, prosrc AS body, prosecdef AS runs_as_owner,
    coalesce((
        -- With quotes if quote_all_identifiers was on.
        SELECT replace(substr(setting, length('search_path=') + 1), '"', '')
        FROM unnest(proconfig) AS setting WHERE starts_with(setting, 'search_path=')
    ), '') AS search_path,
    CASE
        WHEN EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) THEN 'PUBLIC'
        WHEN EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee NOT IN (0, proowner)) THEN 'others'
        ELSE ''
    END AS other_callers,
    quote_ident(rolname) AS owner,
    has_table_privilege(proowner, to_regclass('sessions'), 'UPDATE')
        AND has_table_privilege(proowner, to_regclass('user_sessions'), 'DELETE') AS owner_may_write
FROM pg_proc JOIN pg_roles ON pg_roles.oid = proowner
WHERE starts_with(proname, 'keyrack_')
    AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
ORDER BY proname, NOT (proowner = (SELECT relowner FROM pg_class WHERE oid = to_regclass('sessions'))), pg_proc.oid
