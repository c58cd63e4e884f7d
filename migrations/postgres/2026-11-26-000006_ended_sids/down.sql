-- The functions as they were before.
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

CREATE OR REPLACE FUNCTION keyrack_refuse_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    session record;
    named uuid;
BEGIN
    SELECT expires_at INTO session FROM sessions
    WHERE sid = NEW.sid AND status = 'active' AND xmin = pg_current_xact_id_if_assigned()::xid
        AND position(user_id::text IN NEW.sess::text) > 0;
    IF FOUND THEN
        NEW.expire := least(NEW.expire, session.expires_at::timestamp);
        RETURN NEW;
    END IF;
    named := keyrack_user_of(NEW.sess);
    LOOP
        SELECT id, user_id, status, expires_at INTO session FROM sessions
        WHERE sid = NEW.sid AND (user_id = named OR status = 'logged_out') FOR SHARE;
        IF session.id IS NULL THEN
            -- The session is another user's, or was inserted or replaced while the SELECT above waited.
            SELECT id, user_id, status, expires_at INTO session FROM sessions WHERE sid = NEW.sid FOR NO KEY UPDATE;
        END IF;
        IF session.status = 'logged_out' OR EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid) THEN
            RETURN NULL;
        END IF;
        IF session.user_id = named THEN
            NEW.expire := least(NEW.expire, session.expires_at::timestamp);
            RETURN NEW;
        END IF;
        IF session.id IS NOT NULL THEN
            IF keyrack_readable(NEW.sess) IS NULL THEN
                RETURN NEW;
            END IF;
            PERFORM FROM user_sessions WHERE sid = NEW.sid FOR UPDATE;
            UPDATE sessions SET sid = id, status = 'logged_out', updated_at = now() WHERE id = session.id;
        END IF;
        IF named IS NULL OR keyrack_adopt(NEW.sid, NEW.sess, NEW.expire) THEN
            RETURN NEW;
        END IF;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION keyrack_remove_data_of_dead_sid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_sessions
    WHERE sid = NEW.sid AND EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION keyrack_end_without_data() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sessions WHERE sid = OLD.sid AND status = 'active') THEN
        RETURN NULL;
    END IF;
    UPDATE sessions
    SET status = 'logged_out',
        updated_at = now(),
        logged_out_at = CASE WHEN OLD.expire > now() THEN now() ELSE least(OLD.expire::timestamptz, expires_at) END,
        end_reason = CASE
            WHEN OLD.expire > now() THEN 'signed_out'
            WHEN expires_at <= now() THEN 'absolute_timeout'
            ELSE 'idle_timeout'
        END
    WHERE id = (SELECT id FROM sessions WHERE sid = OLD.sid AND status = 'active' FOR UPDATE SKIP LOCKED);
    IF NOT FOUND THEN
        INSERT INTO replaced_sids (sid, session_id)
        SELECT sid, id FROM sessions WHERE sid = OLD.sid AND status = 'active'
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION keyrack_prefer_row_of_peer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    SELECT id INTO made FROM sessions
    WHERE sid = NEW.sid AND status = 'active' AND expires_at = '9999-12-31 23:59:59.999999+00' FOR NO KEY UPDATE;
    IF made IS NOT NULL THEN
        PERFORM FROM user_sessions WHERE sid = NEW.sid FOR UPDATE;
        IF EXISTS (SELECT FROM replaced_sids WHERE session_id = made) THEN
            UPDATE sessions SET sid = id, status = 'logged_out', end_reason = 'replaced', updated_at = now()
            WHERE id = made;
        ELSE
            DELETE FROM sessions WHERE id = made;
        END IF;
        UPDATE user_sessions SET expire = NEW.expires_at WHERE sid = NEW.sid AND expire > NEW.expires_at;
    END IF;
    RETURN NEW;
END
$$;

SELECT keyrack_secure_functions();

-- CASCADE: the triggers are dropped with their functions.
DROP FUNCTION keyrack_end_without_all_data, keyrack_forget_sid_at, keyrack_remember_all_sids, keyrack_remember_sids
    CASCADE;
DROP TABLE ended_sids;
