-- Brings a change of a user's address or role into the data of their live sessions. The triggers on users compare the
-- columns in their functions: PostgreSQL lets no column change its type while the definition of a trigger names it, and
-- the table may be the application's own.
--
-- A user may have any number of sessions. `keyrack user set-role` changes the data of hundreds of them in batches, each
-- in a transaction of its own, and says so by a row in the settings, which stays until it is done.
CREATE OR REPLACE FUNCTION keyrack_follow_user() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    has_new_email CONSTANT boolean := OLD.email IS DISTINCT FROM NEW.email;
    has_new_role CONSTANT boolean := OLD.role IS DISTINCT FROM NEW.role AND NOT EXISTS (
        SELECT FROM keyrack_settings
        WHERE name = 'role_change:' || NEW.id::text AND value = OLD.role::text || ' -> ' || NEW.role::text
    );
BEGIN
    IF has_new_email OR has_new_role THEN
        PERFORM keyrack_update_data_of_user(
            NEW.id, OLD.email::text, NEW.email::text, CASE WHEN has_new_role THEN OLD.role::text END, NEW.role::text
        );
    END IF;
    RETURN NULL;
END
$$;

-- Returns session data with `email` and `role` replaced, each where it has the old value (NULL: is left alone). All
-- other keys and values stay as they are, character by character. Returns the data unchanged if it is not an object.
--
-- json_each rejects \u0000 and halves of surrogate pairs, which the type json accepts: they are hidden behind another
-- escape meanwhile, or a user could keep a role by storing such a character. That escape contains a random word, so
-- that no text which the data already contains is taken for it.
CREATE OR REPLACE FUNCTION keyrack_with_user(sess json, old_email text, new_email text, old_role text, new_role text)
RETURNS json LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    unreadable CONSTANT text := E'\\\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})';
    word CONSTANT text := concat('k', replace(gen_random_uuid()::text, '-', ''), 'k');
    hidden json := regexp_replace(sess::text, unreadable, concat(E'\\\\u001a', word, E'\\1'), 'g');
    changed text;
BEGIN
    IF json_typeof(hidden) = 'string' THEN
        hidden := regexp_replace(hidden #>> '{}', unreadable, concat(E'\\\\u001a', word, E'\\1'), 'g');
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
    changed := regexp_replace(changed, concat(E'\\\\u001a', word, '([0-9a-fA-F]{4})'), E'\\\\u\\1', 'g');
    RETURN coalesce(changed::json, sess);
EXCEPTION WHEN data_exception OR statement_too_complex THEN
    RETURN sess;
END
$$;

SELECT keyrack_secure_functions();
