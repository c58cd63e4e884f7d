-- Makes every name in Keyrack's functions mean what its author meant. The functions run with the rights of their owner,
-- and looked for names in the schema of the tables. PostgreSQL prefers an operator or a function whose types fit
-- exactly, in whichever schema of the search_path it is: with `=(varchar, varchar)` in that schema, a role that may only
-- create objects there ran its code as the owner, because pg_catalog has none and compares as text.

-- Gives the functions the rights of their owner, so that a peer needs privileges on `user_sessions` only, and qualifies
-- the names of tables and of Keyrack's functions in their source. All other names are then found in pg_catalog only. It
-- has to be called after a function was created or replaced.
--
-- Functions of other owners are left alone. A schema is always quoted, so quote_all_identifiers makes no difference.
CREATE OR REPLACE FUNCTION keyrack_secure_functions() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tables CONSTANT text[] := ARRAY[
        'users', 'sessions', 'user_sessions', 'replaced_sids', 'ended_sids', 'ends_for_journal', 'keyrack_settings',
        'known_browsers', 'security_events'
    ];
    -- Each with a dot, and with backslashes doubled, as a replacement needs it.
    schema_of_tables CONSTANT text[] := ARRAY(
        SELECT pg_catalog.replace(
            pg_catalog.concat('"', pg_catalog.replace(nspname::text, '"', '""'), '".'), E'\\', E'\\\\'
        )
        FROM pg_catalog.unnest(tables) WITH ORDINALITY AS t (name, position)
        LEFT JOIN pg_class ON pg_class.oid = pg_catalog.to_regclass(name)::oid
        LEFT JOIN pg_namespace ON pg_namespace.oid = relnamespace
        ORDER BY position
    );
    schema_of_functions CONSTANT text := pg_catalog.replace(
        pg_catalog.concat('"', pg_catalog.replace(pg_catalog.current_schema()::text, '"', '""'), '".'), E'\\', E'\\\\'
    );
    rule record;
    definition text;
BEGIN
    FOR rule IN
        SELECT pg_proc.oid::regprocedure AS name, proname::text AS short_name,
            pg_catalog.pg_get_functiondef(pg_proc.oid) AS definition
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = pg_catalog.current_schema() AND pg_catalog.starts_with(proname::text, 'keyrack_')
            AND proname <> 'keyrack_secure_functions' AND pg_catalog.pg_has_role(proowner, 'USAGE')
    LOOP
        definition := pg_catalog.regexp_replace(
            rule.definition, E'([^.\\w"])(keyrack_\\w+\\()', E'\\1' || schema_of_functions || E'\\2', 'g'
        );
        FOR i IN 1 .. pg_catalog.cardinality(tables) LOOP
            CONTINUE WHEN schema_of_tables[i] = '"".';
            definition := pg_catalog.regexp_replace(
                definition, E'\\m(FROM|JOIN|INTO|UPDATE)(\\s+)(' || tables[i] || E')\\M',
                E'\\1\\2' || schema_of_tables[i] || E'\\3', 'g'
            );
        END LOOP;
        IF definition <> rule.definition THEN
            EXECUTE definition;
        END IF;
        -- Two use no table.
        CONTINUE WHEN rule.short_name IN ('keyrack_readable', 'keyrack_user_of');
        EXECUTE pg_catalog.format(
            'ALTER FUNCTION %s SECURITY DEFINER SET search_path = pg_catalog, pg_temp', rule.name
        );
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', rule.name);
    END LOOP;
END
$$;

SELECT keyrack_secure_functions();
