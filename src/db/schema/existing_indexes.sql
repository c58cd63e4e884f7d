-- The valid indexes of Keyrack's tables: table, columns, predicate, and whether an upsert can rely on its uniqueness.
-- Quotes are removed, which the server adds to every name where quote_all_identifiers is on.
SELECT t.name AS table, x.indisunique AND x.indimmediate AS unique, (
        SELECT string_agg(
            replace(replace(pg_get_indexdef(x.indexrelid, n, true), '"', ''), '::text', ''), ', ' ORDER BY n
        )
        FROM generate_series(1, x.indnkeyatts) AS n
    ) AS key, replace(coalesce(pg_get_expr(x.indpred, x.indrelid), ''), '"', '') AS predicate
FROM unnest(ARRAY[
    'users', 'sessions', 'replaced_sids', 'user_sessions', 'ended_sids', 'ends_for_journal', 'keyrack_settings',
    'sign_in_failures', 'known_browsers', 'one_time_passwords', 'totp_factors', 'recovery_codes', 'security_events',
    'mails', 'account_links', 'registrations', 'passkeys', 'passkey_proofs'
]) AS t(name)
JOIN pg_index x ON x.indrelid = to_regclass(t.name)
WHERE x.indisvalid
