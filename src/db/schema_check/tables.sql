-- What the tables lack, one sentence per row.
WITH relation AS (
    SELECT t.name, c.oid, c.relkind, c.relrowsecurity, c.relforcerowsecurity, format('%I.%I', nspname, relname) AS qualified
    FROM unnest(ARRAY[
        'users', 'sessions', 'user_sessions', 'replaced_sids', 'ended_sids', 'ends_for_journal', 'keyrack_settings',
        'sign_in_failures', 'known_browsers', 'one_time_passwords', 'totp_factors', 'recovery_codes', 'security_events',
        'mails', 'account_links', 'registrations', 'passkeys', 'passkey_proofs', 'keyrack_instances'
    ]) AS t(name)
    JOIN pg_class c ON c.oid = to_regclass(t.name)
    JOIN pg_namespace n ON n.oid = c.relnamespace
), users AS (
    SELECT * FROM relation WHERE name = 'users'
), sessions AS (
    SELECT * FROM relation WHERE name = 'sessions'
)
SELECT format('row-level security hides rows of %1$s from Keyrack or its triggers: run ALTER TABLE %1$s NO FORCE ROW '
    'LEVEL SECURITY as its owner, and connect as the owner', qualified) AS name
FROM relation WHERE relrowsecurity AND (relforcerowsecurity OR row_security_active(oid))
UNION ALL
SELECT format('the index %s of %s is invalid: run REINDEX INDEX CONCURRENTLY, or drop it', indexrelid::regclass, qualified)
FROM relation JOIN pg_index ON indrelid = relation.oid WHERE NOT indisvalid AND relkind = 'r'
UNION ALL
SELECT format('the constraint %s of %s was never checked for the existing rows: run ALTER TABLE %2$s VALIDATE CONSTRAINT '
    '%1$s', quote_ident(conname), qualified)
FROM relation JOIN pg_constraint ON conrelid = relation.oid
WHERE NOT convalidated AND relation.name <> 'users'
    -- Events that are older than it can't be corrected. The doctor warns of them.
    AND conname <> 'security_events_are_readable'
UNION ALL
SELECT 'sessions.user_id has no foreign key to users: a session can belong to a user who does not exist'
FROM users, sessions
WHERE users.relkind IN ('r', 'p') AND NOT EXISTS (
    SELECT FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    WHERE conrelid = sessions.oid AND contype = 'f' AND attname = 'user_id'
)
UNION ALL
SELECT 'replaced_sids.session_id has no foreign key to sessions: former sids stay when their session is deleted'
FROM relation, sessions
WHERE relation.name = 'replaced_sids' AND sessions.relkind = 'r' AND NOT EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = relation.oid AND contype = 'f'
)
UNION ALL
SELECT 'sessions.status has no CHECK: another word than active and logged_out would be neither alive nor ended'
FROM sessions
WHERE NOT EXISTS (
    SELECT FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
    WHERE conrelid = sessions.oid AND contype = 'c' AND attname = 'status'
)
