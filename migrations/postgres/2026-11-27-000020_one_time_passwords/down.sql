-- Keeps ended sessions ended: skips data rows for the sid of an ended session, and for a sid that must not be used
-- again. A peer's late upsert then returns as if it had come before the end.
--
-- 1. A session that this same transaction has written for the same user needs no other check. Every start does so.
-- 2. FOR SHARE waits for an end that is not committed yet. Otherwise the insert would read "active" and outlive it.
-- 3. `expire` is capped at the session's absolute expiry, which a peer that extends it with each request can't exceed.
-- 4. Data that names a known user is a sign-in at the peer: it gets a session, if peers' sessions are adopted.
-- 5. Data that no longer names the session's user is a sign-out at the peer, which goes on using the sid: the session
--    ends and releases its sid.
-- 6. Data that can't be parsed neither signs in nor ends a session.
CREATE OR REPLACE FUNCTION keyrack_refuse_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    session record;
    named uuid;
    adopted boolean;
    moment timestamptz := now();
    last_expire timestamp := '9999-12-31 23:59:59.999999+00'::timestamptz;
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
        IF session.status = 'logged_out'
            OR EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid)
            OR EXISTS (SELECT FROM ended_sids WHERE sid = NEW.sid)
        THEN
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
            UPDATE sessions SET sid = id, status = 'logged_out', updated_at = moment
            WHERE sid = NEW.sid AND id = session.id;
        END IF;
        IF named IS NULL THEN
            RETURN NEW;
        END IF;
        adopted := keyrack_adopt(NEW.sid, NEW.sess, NEW.expire);
        IF adopted IS NULL THEN
            RETURN NULL;
        ELSIF adopted THEN
            NEW.expire := least(NEW.expire, last_expire);
            RETURN NEW;
        END IF;
    END LOOP;
END
$$;

SELECT keyrack_secure_functions();
ALTER TABLE sessions DROP COLUMN must_change_password;
DROP TABLE one_time_passwords;
