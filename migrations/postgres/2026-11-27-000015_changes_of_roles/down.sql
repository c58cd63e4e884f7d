-- The functions as they were before.
CREATE OR REPLACE FUNCTION keyrack_follow_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.email IS DISTINCT FROM NEW.email OR OLD.role IS DISTINCT FROM NEW.role THEN
        PERFORM keyrack_update_data_of_user(NEW.id, OLD.email::text, NEW.email::text, OLD.role::text, NEW.role::text);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION keyrack_with_user(sess json, old_email text, new_email text, old_role text, new_role text)
RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    hidden json := regexp_replace(sess::text, E'\\\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', E'\\\\u001akrk\\1', 'g');
    changed text;
BEGIN
    IF json_typeof(hidden) = 'string' THEN
        hidden := regexp_replace(
            hidden #>> '{}', E'\\\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', E'\\\\u001akrk\\1', 'g'
        );
    END IF;
    IF json_typeof(hidden) <> 'object' THEN
        RETURN sess;
    END IF;
    SELECT '{' || string_agg(
        to_json(key)::text || ':' || CASE
            WHEN key = 'email' AND value #>> '{}' = old_email THEN to_json(new_email)::text
            WHEN key = 'role' AND value #>> '{}' = old_role THEN to_json(new_role)::text
            ELSE value::text
        END, ',' ORDER BY position
    ) || '}'
    INTO changed
    FROM json_each(hidden) WITH ORDINALITY AS pair (key, value, position);
    RETURN coalesce(regexp_replace(changed, E'\\\\u001akrk([0-9a-fA-F]{4})', E'\\\\u\\1', 'g')::json, sess);
EXCEPTION WHEN data_exception OR statement_too_complex THEN
    RETURN sess;
END
$$;

SELECT keyrack_secure_functions();
