-- The triggers of the tables: whether they fire for ordinary statements, and whether they run the function of
-- their own name in the current schema.
SELECT t.name AS table, tgname::text AS name, tgenabled IN ('O', 'A') AS fires,
    proname = tgname
        AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AS runs_own_function
FROM unnest(ARRAY[
    'users', 'sessions', 'user_sessions', 'known_browsers', 'security_events', 'keyrack_settings'
]) AS t(name)
JOIN pg_trigger ON tgrelid = to_regclass(t.name) AND NOT tgisinternal
JOIN pg_proc ON pg_proc.oid = tgfoid
