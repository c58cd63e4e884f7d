-- Every peer's session is adopted again, as before.
CREATE OR REPLACE FUNCTION keyrack_adopt(new_sid varchar, sess json, expire timestamp) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    named uuid := keyrack_user_of(sess);
    readable json;
BEGIN
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

CREATE OR REPLACE FUNCTION keyrack_readable(sess json) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    unreadable CONSTANT text := '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})';
    readable json := sess;
BEGIN
    IF position('\u' IN sess::text) > 0 THEN
        readable := regexp_replace(sess::text, unreadable, '\ufffd', 'g');
    END IF;
    IF json_typeof(readable) = 'string' THEN
        BEGIN
            readable := regexp_replace(readable #>> '{}', unreadable, '\ufffd', 'g');
        EXCEPTION WHEN data_exception OR statement_too_complex THEN
            RETURN NULL;
        END;
    END IF;
    RETURN CASE json_typeof(readable) WHEN 'object' THEN readable END;
END
$$;

SELECT keyrack_secure_functions();

-- CASCADE: the trigger is dropped with its function.
DROP FUNCTION keyrack_record_set_up, keyrack_secure_functions CASCADE;
DROP TABLE keyrack_settings;
