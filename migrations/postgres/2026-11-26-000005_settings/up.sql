-- Settings that every instance and every trigger obeys, one per row. Only the owner of the tables may write them, so a
-- peer's role can't change what the triggers do.
--
-- peers      'express': sessions that another program writes are adopted. 'none', or no such row: they are not.
-- set_up_at  when the first user existed. From then on, the set-up page stays closed, even if `users` is emptied.
CREATE TABLE keyrack_settings (
    name varchar(64) PRIMARY KEY,
    value text NOT NULL
);

-- Until now every database adopted what peers wrote. One that has such sessions, or tables that were imported from
-- another application, keeps doing so.
INSERT INTO keyrack_settings (name, value)
SELECT 'peers', 'express'
WHERE EXISTS (SELECT FROM sessions WHERE expires_at = '9999-12-31 23:59:59.999999+00')
    OR NOT EXISTS (
        SELECT FROM pg_constraint
        WHERE conrelid = to_regclass('users') AND contype = 'c' AND conname = 'users_role_check'
    );

INSERT INTO keyrack_settings (name, value)
SELECT 'set_up_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
WHERE EXISTS (SELECT FROM users);

-- Records that there has been a user. If `users` is a view, the program records it.
CREATE FUNCTION keyrack_record_set_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM keyrack_settings WHERE name = 'set_up_at') AND EXISTS (SELECT FROM users) THEN
        INSERT INTO keyrack_settings (name, value)
        VALUES ('set_up_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        ON CONFLICT (name) DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('users') AND relkind IN ('r', 'p')) THEN
        CREATE TRIGGER keyrack_record_set_up AFTER INSERT ON users
            FOR EACH STATEMENT EXECUTE FUNCTION keyrack_record_set_up();
    END IF;
END
$$;

-- Returns `sess` as a JSON object, or NULL if it is not one. The type json accepts escapes that its own operators
-- reject (\u0000 and halves of surrogate pairs); they are replaced by U+FFFD. A JSON string is parsed again, as
-- connect-pg-simple does. Its own strings are E'' strings: they read the same in the session of a peer whose role has
-- turned standard_conforming_strings off.
CREATE OR REPLACE FUNCTION keyrack_readable(sess json) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    unreadable CONSTANT text := E'\\\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})';
    readable json := sess;
BEGIN
    IF position(E'\\u' IN sess::text) > 0 THEN
        readable := regexp_replace(sess::text, unreadable, E'\\\\ufffd', 'g');
    END IF;
    IF json_typeof(readable) = 'string' THEN
        BEGIN
            readable := regexp_replace(readable #>> '{}', unreadable, E'\\\\ufffd', 'g');
        EXCEPTION WHEN data_exception OR statement_too_complex THEN
            RETURN NULL;
        END;
    END IF;
    RETURN CASE json_typeof(readable) WHEN 'object' THEN readable END;
END
$$;

-- Inserts the session for data that a peer has written for a known user, if peers' sessions are adopted. The session
-- has no absolute expiry (stored as 9999-12-31), because the peer extends its data with each request. The application
-- may supply the address and user agent. Returns false if another transaction has inserted a session with this sid: the
-- caller has to read that one. PL/pgSQL caches its plans; an SQL function would plan again for each sign-in, which takes
-- longer than the rest.
CREATE OR REPLACE FUNCTION keyrack_adopt(new_sid varchar, sess json, expire timestamp) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    named uuid;
    readable json;
BEGIN
    IF NOT EXISTS (SELECT FROM keyrack_settings WHERE name = 'peers' AND value = 'express') THEN
        RETURN true;
    END IF;
    named := keyrack_user_of(sess);
    IF named IS NULL OR expire <= now() OR NOT EXISTS (SELECT FROM users WHERE id = named) THEN
        RETURN true;
    END IF;
    readable := keyrack_readable(sess);
    INSERT INTO sessions (sid, user_id, expires_at, remembered, ip_address, user_agent)
    VALUES (new_sid, named, '9999-12-31 23:59:59.999999+00', readable -> 'cookie' ->> 'expires' IS NOT NULL,
        left(readable ->> 'ipAddress', 45), left(readable ->> 'userAgent', 512))
    ON CONFLICT (sid) DO NOTHING;
    RETURN FOUND;
END
$$;

-- Runs the functions that use tables as their owner and with the current search_path. A peer's role may have privileges
-- on `user_sessions` only, and tables of the same names may come first in its own search_path. It has to be called
-- after a function was created or replaced, and after the schema was renamed.
CREATE FUNCTION keyrack_secure_functions() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    rule regprocedure;
    path text := (
        SELECT string_agg(quote_ident(name), ', ' ORDER BY position)
        FROM unnest(current_schemas(false)) WITH ORDINALITY AS schema (name, position)
    );
BEGIN
    FOR rule IN
        SELECT oid FROM pg_proc
        WHERE starts_with(proname, 'keyrack_')
            AND proname NOT IN ('keyrack_readable', 'keyrack_user_of', 'keyrack_secure_functions')
            AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %s, pg_temp', rule, path);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', rule);
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION keyrack_secure_functions FROM PUBLIC;
SELECT keyrack_secure_functions();
