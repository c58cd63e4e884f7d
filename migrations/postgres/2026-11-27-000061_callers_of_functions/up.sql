-- Takes the right to call Keyrack's functions from every role but their owner. REVOKE ... FROM PUBLIC leaves what ALTER
-- DEFAULT PRIVILEGES ... GRANT EXECUTE ON FUNCTIONS gave to single roles when the functions were created: such a role
-- could end, start and adopt sessions with the rights of the owner, or make a trigger on a table of its own that runs
-- them.

-- Gives the functions the rights of their owner, so that a peer needs privileges on `user_sessions` only, qualifies the
-- names of tables and of Keyrack's functions in their source, and lets no other role call them: a trigger needs no such
-- right when it fires. It has to be called after a function was created or replaced.
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
    caller name;
BEGIN
    FOR rule IN
        SELECT pg_proc.oid::regprocedure AS name, proname::text AS short_name,
            pg_catalog.pg_get_functiondef(pg_proc.oid) AS definition
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = pg_catalog.current_schema() AND pg_catalog.starts_with(proname::text, 'keyrack_')
            AND pg_catalog.pg_has_role(proowner, 'USAGE')
    LOOP
        -- This function reads the catalog only, and holds parts of statements in texts.
        IF rule.short_name <> 'keyrack_secure_functions' THEN
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
        END IF;
        -- Two use no table.
        CONTINUE WHEN rule.short_name IN ('keyrack_readable', 'keyrack_user_of');
        IF rule.short_name <> 'keyrack_secure_functions' THEN
            EXECUTE pg_catalog.format(
                'ALTER FUNCTION %s SECURITY DEFINER SET search_path = pg_catalog, pg_temp', rule.name
            );
        END IF;
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', rule.name);
        FOR caller IN
            SELECT DISTINCT rolname
            FROM pg_proc
            CROSS JOIN pg_catalog.aclexplode(proacl) AS privilege
            JOIN pg_roles ON pg_roles.oid = privilege.grantee
            WHERE pg_proc.oid = rule.name::oid AND privilege.grantee <> proowner
        LOOP
            EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM %I CASCADE', rule.name, caller);
        END LOOP;
    END LOOP;
END
$$;

SELECT keyrack_secure_functions();
