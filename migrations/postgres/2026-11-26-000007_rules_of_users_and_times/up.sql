-- Times ----------------------------------------------------------------------------------------------------------------

-- Keeps the times of a session between the years 1 and 9999, which every program can read: a peer may write 'infinity'.
-- The last microsecond of 9999 means "no absolute expiry", as for the sessions that peers start.
CREATE FUNCTION keyrack_clamp_times() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first CONSTANT timestamptz := '0001-01-01 00:00:00+00';
    last CONSTANT timestamptz := '9999-12-31 23:59:59.999999+00';
BEGIN
    NEW.expires_at := greatest(first, least(NEW.expires_at, last));
    NEW.created_at := greatest(first, least(NEW.created_at, last));
    NEW.updated_at := greatest(first, least(NEW.updated_at, last));
    NEW.last_seen_at := greatest(first, least(NEW.last_seen_at, last));
    IF NEW.logged_out_at IS NOT NULL THEN
        NEW.logged_out_at := greatest(first, least(NEW.logged_out_at, last));
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER keyrack_clamp_times
    BEFORE INSERT OR UPDATE OF expires_at, created_at, updated_at, last_seen_at, logged_out_at ON sessions
    FOR EACH ROW
    WHEN (
        greatest(NEW.expires_at, NEW.created_at, NEW.updated_at, NEW.last_seen_at, NEW.logged_out_at)
            > '9999-12-31 23:59:59.999999+00'
        OR least(NEW.expires_at, NEW.created_at, NEW.updated_at, NEW.last_seen_at, NEW.logged_out_at)
            < '0001-01-01 00:00:00+00'
    )
    EXECUTE FUNCTION keyrack_clamp_times();

-- Users ----------------------------------------------------------------------------------------------------------------

-- Returns session data with `email` and `role` replaced, each where it has the old value (NULL: is left alone). All other
-- keys and values stay as they are, character by character. Returns the data unchanged if it is not an object.
--
-- json_each rejects \u0000 and halves of surrogate pairs, which the type json accepts: they are hidden behind another
-- escape meanwhile, or a user could keep a role by storing such a character.
CREATE FUNCTION keyrack_with_user(sess json, old_email text, new_email text, old_role text, new_role text)
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

-- Brings a change of a user's address or role into the data of their live sessions, where Express reads both. Sessions
-- are locked before their data, and in the order of their ids, as an end does.
CREATE FUNCTION keyrack_update_data_of_user(
    changed_user uuid, old_email text, new_email text, old_role text, new_role text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM sessions WHERE user_id = changed_user AND status = 'active' ORDER BY id FOR NO KEY UPDATE;
    UPDATE user_sessions SET sess = keyrack_with_user(sess, old_email, new_email, old_role, new_role)
    WHERE sid IN (SELECT sid FROM sessions WHERE user_id = changed_user AND status = 'active');
END
$$;

-- The triggers on users compare the columns in their functions: PostgreSQL lets no column change its type while the
-- definition of a trigger names it, and the table may be the application's own.
CREATE FUNCTION keyrack_follow_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.email IS DISTINCT FROM NEW.email OR OLD.role IS DISTINCT FROM NEW.role THEN
        PERFORM keyrack_update_data_of_user(NEW.id, OLD.email::text, NEW.email::text, OLD.role::text, NEW.role::text);
    END IF;
    RETURN NULL;
END
$$;

-- Ends the sessions that a disabled user still has when they are enabled again. Disabling ends them, but a program may
-- disable a user by plain SQL, and a peer may start a session in the very moment.
CREATE FUNCTION keyrack_end_before_enable() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := now();
BEGIN
    IF OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS NULL THEN
        PERFORM FROM sessions WHERE user_id = NEW.id AND status = 'active' ORDER BY id FOR NO KEY UPDATE;
        UPDATE sessions SET status = 'logged_out', end_reason = 'account_disabled', updated_at = moment
        WHERE user_id = NEW.id AND status = 'active';
    END IF;
    RETURN NULL;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('users') AND relkind IN ('r', 'p')) THEN
        CREATE TRIGGER keyrack_follow_user AFTER UPDATE ON users
            FOR EACH ROW EXECUTE FUNCTION keyrack_follow_user();
        CREATE TRIGGER keyrack_end_before_enable AFTER UPDATE ON users
            FOR EACH ROW EXECUTE FUNCTION keyrack_end_before_enable();
    END IF;
END
$$;

-- Makes the data of ended sessions read-only (it can be deleted), and caps `expire` at the session's absolute expiry.
--
-- A peer that extends `expire` has seen the device: `last_seen_at` is updated at most once a minute, also where the cap
-- leaves `expire` unchanged, but not if this same transaction has written the session. SKIP LOCKED, because an end
-- locks the two rows in the other order. Data that was written before its user or this trigger existed gets its session
-- when a peer extends it.
--
-- A peer that read the data before a change of the user's role may write it back afterwards. In a session with an
-- absolute expiry, which no peer has started, `email` and `role` that were the user's therefore stay the user's.
CREATE OR REPLACE FUNCTION keyrack_freeze_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    session record;
    owner record;
    before json;
    after json;
    is_activity boolean := NEW.expire > OLD.expire;
    moment timestamptz := now();
    last_expire timestamp := '9999-12-31 23:59:59.999999+00'::timestamptz;
BEGIN
    SELECT id, user_id, status, expires_at, last_seen_at, xmin AS changed_by INTO session
    FROM sessions WHERE sid = NEW.sid;
    IF session.status = 'logged_out' THEN
        RETURN NULL;
    END IF;
    IF NEW.sid <> OLD.sid AND EXISTS (SELECT FROM sessions WHERE sid = OLD.sid AND status = 'logged_out') THEN
        RETURN NULL;
    END IF;
    IF session.id IS NULL THEN
        IF is_activity AND keyrack_adopt(NEW.sid, NEW.sess, NEW.expire) IS NULL THEN
            RETURN NULL;
        END IF;
        NEW.expire := least(NEW.expire, last_expire);
        RETURN NEW;
    END IF;
    NEW.expire := least(NEW.expire, session.expires_at::timestamp);
    IF session.expires_at < '9999-12-31 23:59:59.999999+00' AND NEW.sess::text <> OLD.sess::text THEN
        SELECT email::text AS email, role::text AS role INTO owner FROM users WHERE id = session.user_id;
        before := keyrack_readable(OLD.sess);
        after := keyrack_readable(NEW.sess);
        IF (before ->> 'email' = owner.email AND after ->> 'email' <> owner.email)
            OR (before ->> 'role' = owner.role AND after ->> 'role' <> owner.role)
        THEN
            NEW.sess := keyrack_with_user(
                NEW.sess,
                CASE WHEN before ->> 'email' = owner.email THEN after ->> 'email' END, owner.email,
                CASE WHEN before ->> 'role' = owner.role THEN after ->> 'role' END, owner.role
            );
        END IF;
    END IF;
    IF is_activity AND session.last_seen_at < moment - interval '1 minute'
        AND session.changed_by IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid
    THEN
        PERFORM FROM sessions
        WHERE sid = NEW.sid AND id = session.id AND status = 'active' FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            UPDATE sessions SET last_seen_at = moment, updated_at = moment WHERE sid = NEW.sid AND id = session.id;
        END IF;
    END IF;
    RETURN NEW;
END
$$;

-- Ends an active session instead of deleting it: the row stays as history, and a peer that deletes it gets no error.
-- Other triggers may delete active sessions (depth above 0): keyrack_forget_user and keyrack_prefer_row_of_peer do.
CREATE OR REPLACE FUNCTION keyrack_keep_active_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := now();
BEGIN
    UPDATE sessions SET status = 'logged_out', updated_at = moment WHERE sid = OLD.sid AND id = OLD.id;
    RETURN NULL;
END
$$;

SELECT keyrack_secure_functions();
