-- The start of the queries beside this file. $1 has the schemas of the connection's search_path in their order; the
-- queries themselves look in pg_catalog only.
--
-- trusted: this role, those whose rights it has been granted, superusers, and the owners of the database and of the
-- schema public that initdb made (its number is 2200). Until version 14, a role could grant itself to others, so such
-- grants count for nothing. A superuser has the rights of every role, so grants are followed one by one.
-- path: the schemas in which names are looked up, without PostgreSQL's own.
-- relation: what Keyrack's statements find under the names of its tables, and whether the table is Keyrack's alone.
WITH RECURSIVE membership (role) AS (
    SELECT oid FROM pg_roles WHERE rolname = current_user
    UNION
    SELECT roleid FROM pg_auth_members JOIN membership ON member = role WHERE grantor <> roleid
), trusted (role) AS (
    SELECT role FROM membership WHERE pg_has_role(role, 'USAGE')
    UNION
    SELECT oid FROM pg_roles WHERE rolsuper OR rolname = 'pg_database_owner'
    UNION
    SELECT datdba FROM pg_database WHERE datname = current_database()
    UNION
    SELECT nspowner FROM pg_namespace WHERE oid = 2200
), path AS (
    SELECT oid, nspname, nspowner, position
    FROM unnest($1) WITH ORDINALITY AS t (name, position) JOIN pg_namespace ON nspname = t.name
    WHERE nspname <> 'pg_catalog' AND oid <> pg_my_temp_schema()
), relation AS (
    SELECT DISTINCT ON (relname) pg_class.oid, relname, relkind, relowner, position, is_own,
        format('%I.%I', nspname, relname) AS qualified
    FROM (
        SELECT name, false AS is_own FROM unnest(ARRAY['users', 'sessions', 'user_sessions']) AS t (name)
        UNION ALL
        SELECT name, true FROM unnest(ARRAY[
            'replaced_sids', 'ended_sids', 'ends_for_journal', 'keyrack_settings', 'keyrack_instances',
            'sign_in_failures', 'known_browsers', 'one_time_passwords', 'totp_factors', 'recovery_codes',
            'security_events', 'mails', 'account_links', 'passkeys', 'passkey_proofs', 'registrations',
            '__diesel_schema_migrations'
        ]) AS t (name)
    ) AS t
    JOIN pg_class ON relname = name
    JOIN path ON path.oid = relnamespace
    ORDER BY relname, position
)
