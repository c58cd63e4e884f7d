-- The two functions that call keyrack_adopt, with a cast: where an imported table has sids of the type text, a function of
-- that name for that type, which another role has made in the schema, would have been called in place of Keyrack's.

-- Keeps ended sessions ended: skips data rows for the sid of an ended session, and for a sid that must not be used
-- again. A peer's late upsert then returns as if it had come before the end.
--
-- 1. A session that this same transaction has written for the same user needs no other check. Every start does so.
--    While its user must change the password, its data names no user.
-- 2. FOR SHARE waits for an end that is not committed yet. Otherwise the insert would read "active" and outlive it.
-- 3. `expire` is capped at the session's absolute expiry, which a peer that extends it with each request can't exceed.
-- 4. Data that names a known user is a sign-in at the peer: it gets a session, if peers' sessions are adopted.
-- 5. Data that no longer names the session's user is a sign-out at the peer, which goes on using the sid: the session
--    ends and releases its sid.
--    Not so while the user must change the password: such data names no user from the beginning.
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
        AND (must_change_password OR position(user_id::text IN NEW.sess::text) > 0);
    IF FOUND THEN
        NEW.expire := least(NEW.expire, session.expires_at::timestamp);
        RETURN NEW;
    END IF;
    named := keyrack_user_of(NEW.sess);
    LOOP
        SELECT id, user_id, status, expires_at, must_change_password INTO session FROM sessions
        WHERE sid = NEW.sid AND (user_id = named OR status = 'logged_out') FOR SHARE;
        IF session.id IS NULL THEN
            -- The session is another user's, or was inserted or replaced while the SELECT above waited.
            SELECT id, user_id, status, expires_at, must_change_password INTO session FROM sessions
            WHERE sid = NEW.sid FOR NO KEY UPDATE;
        END IF;
        IF session.status = 'logged_out'
            OR EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid)
            OR EXISTS (SELECT FROM ended_sids WHERE sid = NEW.sid)
        THEN
            RETURN NULL;
        END IF;
        IF session.user_id = named OR (named IS NULL AND session.must_change_password) THEN
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
        adopted := keyrack_adopt(NEW.sid::varchar, NEW.sess, NEW.expire);
        IF adopted IS NULL THEN
            RETURN NULL;
        ELSIF adopted THEN
            NEW.expire := least(NEW.expire, last_expire);
            RETURN NEW;
        END IF;
    END LOOP;
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
        IF is_activity AND keyrack_adopt(NEW.sid::varchar, NEW.sess, NEW.expire) IS NULL THEN
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

SELECT keyrack_secure_functions();
