-- Sids of ended sessions whose history was deleted. A cookie with such a sid may still be in a browser, and a request of
-- a peer that was in flight when the session ended may still write data for it: it must not be adopted as a new session.
CREATE TABLE ended_sids (
    sid varchar PRIMARY KEY,
    forget_at timestamptz NOT NULL
);

CREATE INDEX ended_sids_by_time ON ended_sids (forget_at);

-- Returns until when the sid of a session has to be remembered. Browsers keep a cookie for at most 400 days after it was
-- last set (RFC 6265bis), and a peer may have set it until the session's end. Where no peer's sessions are adopted, a
-- sid is of no use after its session's absolute expiry.
CREATE FUNCTION keyrack_forget_sid_at(expires_at timestamptz, logged_out_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF expires_at >= '9999-12-31 23:59:59.999999+00'
        OR EXISTS (SELECT FROM keyrack_settings WHERE name = 'peers' AND value = 'express')
    THEN
        RETURN coalesce(logged_out_at, now()) + interval '400 days';
    END IF;
    RETURN expires_at + interval '1 day';
END
$$;

-- Remembers the sids of an ended session whose row is deleted: its last one, unless it was released when a peer went on
-- using it, and those that it had before.
CREATE FUNCTION keyrack_remember_sids() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := keyrack_forget_sid_at(OLD.expires_at, OLD.logged_out_at);
BEGIN
    IF until > now() THEN
        INSERT INTO ended_sids (sid, forget_at)
        SELECT known.sid, until
        FROM (
            SELECT OLD.sid WHERE OLD.sid <> OLD.id::text
            UNION SELECT replaced_sids.sid FROM replaced_sids WHERE session_id = OLD.id
        ) AS known (sid)
        ON CONFLICT (sid) DO NOTHING;
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER keyrack_remember_sids BEFORE DELETE ON sessions
    FOR EACH ROW WHEN (OLD.status = 'logged_out') EXECUTE FUNCTION keyrack_remember_sids();

-- TRUNCATE fires no row triggers. For the data it is therefore a DELETE first, which ends the sessions.
CREATE FUNCTION keyrack_end_without_all_data() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_sessions;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_end_without_all_data BEFORE TRUNCATE ON user_sessions
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_end_without_all_data();

-- Deletes the data of all sessions before a TRUNCATE deletes the sessions, and remembers their sids. TRUNCATE users
-- CASCADE fires it too.
CREATE FUNCTION keyrack_remember_all_sids() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ended_sids (sid, forget_at)
    SELECT known.sid, known.until
    FROM (
        SELECT sid, keyrack_forget_sid_at(expires_at, logged_out_at) AS until FROM sessions WHERE sid <> id::text
        UNION ALL
        SELECT replaced_sids.sid, keyrack_forget_sid_at(expires_at, logged_out_at)
        FROM replaced_sids JOIN sessions ON sessions.id = session_id
    ) AS known
    WHERE known.until > now()
    ON CONFLICT (sid) DO NOTHING;
    DELETE FROM user_sessions WHERE sid IN (SELECT sid FROM sessions);
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_remember_all_sids BEFORE TRUNCATE ON sessions
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_remember_all_sids();

-- Inserts the session for data that a peer has written for a known user, if peers' sessions are adopted. The session
-- has no absolute expiry (stored as 9999-12-31), because the peer extends its data with each request. The application
-- may supply the address and user agent. PL/pgSQL caches its plans; an SQL function would plan again for each sign-in,
-- which takes longer than the rest.
--
-- Returns true if the data can stay: it has its session, or needs none. Returns false if another transaction has
-- inserted a session with this sid: the caller has to read that one. Returns NULL if the user is disabled: the session
-- is inserted as an ended one, so that it does not come alive when the user is enabled again, and the data is deleted.
CREATE OR REPLACE FUNCTION keyrack_adopt(new_sid varchar, sess json, expire timestamp) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    named uuid;
    readable json;
    disabled timestamptz;
    moment timestamptz := now();
BEGIN
    IF NOT EXISTS (SELECT FROM keyrack_settings WHERE name = 'peers' AND value = 'express') THEN
        RETURN true;
    END IF;
    named := keyrack_user_of(sess);
    IF named IS NULL OR expire <= moment THEN
        RETURN true;
    END IF;
    SELECT disabled_at INTO disabled FROM users WHERE id = named;
    IF NOT FOUND OR EXISTS (SELECT FROM ended_sids WHERE sid = new_sid) THEN
        RETURN true;
    END IF;
    readable := keyrack_readable(sess);
    INSERT INTO sessions (
        sid, user_id, expires_at, remembered, ip_address, user_agent, status, logged_out_at, end_reason
    )
    VALUES (
        new_sid, named, '9999-12-31 23:59:59.999999+00', readable -> 'cookie' ->> 'expires' IS NOT NULL,
        left(readable ->> 'ipAddress', 45), left(readable ->> 'userAgent', 512),
        CASE WHEN disabled IS NULL THEN 'active' ELSE 'logged_out' END,
        CASE WHEN disabled IS NOT NULL THEN moment END,
        CASE WHEN disabled IS NOT NULL THEN 'account_disabled' END
    )
    ON CONFLICT (sid) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF disabled IS NOT NULL THEN
        DELETE FROM user_sessions WHERE sid = new_sid;
        RETURN NULL;
    END IF;
    RETURN true;
END
$$;

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

-- Deletes inserted data whose sid was replaced or forgotten in the meantime. An upsert that conflicts with a row waits
-- while another transaction deletes that row, and then inserts without running the BEFORE INSERT trigger again.
CREATE OR REPLACE FUNCTION keyrack_remove_data_of_dead_sid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid) OR EXISTS (SELECT FROM ended_sids WHERE sid = NEW.sid)
    THEN
        DELETE FROM user_sessions WHERE sid = NEW.sid;
    END IF;
    RETURN NULL;
END
$$;

-- Ends the session whose data is deleted: a peer's destroy is a sign-out, a peer's prune a timeout.
--
-- SKIP LOCKED, because an end locks the two rows in the other order, and waiting could deadlock. The holder of the lock
-- may only be updating the session, or be a peer's `set` that waits for this very row. Therefore the sid of a locked
-- session is put into `replaced_sids`, which makes it unusable at once, and the next purge ends the session. `expire`
-- is compared as a point in time, because local time repeats an hour in autumn. The UPDATE itself contains no cast and
-- no now(), and names the sid, so that a server that distributes the table can route it.
CREATE OR REPLACE FUNCTION keyrack_end_without_data() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    session record;
    moment timestamptz := now();
    data_expiry timestamptz := OLD.expire;
    ended_at timestamptz := moment;
    reason varchar := 'signed_out';
BEGIN
    IF NOT EXISTS (SELECT FROM sessions WHERE sid = OLD.sid AND status = 'active') THEN
        RETURN NULL;
    END IF;
    SELECT id, expires_at INTO session FROM sessions
    WHERE sid = OLD.sid AND status = 'active' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        INSERT INTO replaced_sids (sid, session_id)
        SELECT sid, id FROM sessions WHERE sid = OLD.sid AND status = 'active'
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END IF;
    IF data_expiry <= moment THEN
        ended_at := least(data_expiry, session.expires_at);
        reason := CASE WHEN session.expires_at <= moment THEN 'absolute_timeout' ELSE 'idle_timeout' END;
    END IF;
    UPDATE sessions SET status = 'logged_out', updated_at = moment, logged_out_at = ended_at, end_reason = reason
    WHERE sid = OLD.sid AND id = session.id;
    RETURN NULL;
END
$$;

-- Lets an application insert its own row for a sign-in that already has the session which keyrack_adopt inserted: that
-- session is deleted, or ended as 'replaced' if former sids refer to it. The data of a session is locked before its sid
-- changes or its row is deleted, or a concurrent DELETE of the data could deadlock with it.
CREATE OR REPLACE FUNCTION keyrack_prefer_row_of_peer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
    moment timestamptz := now();
    data_cap timestamp := NEW.expires_at;
BEGIN
    SELECT id INTO made FROM sessions
    WHERE sid = NEW.sid AND status = 'active' AND expires_at = '9999-12-31 23:59:59.999999+00' FOR NO KEY UPDATE;
    IF made IS NOT NULL THEN
        PERFORM FROM user_sessions WHERE sid = NEW.sid FOR UPDATE;
        IF EXISTS (SELECT FROM replaced_sids WHERE session_id = made) THEN
            UPDATE sessions SET sid = id, status = 'logged_out', end_reason = 'replaced', updated_at = moment
            WHERE sid = NEW.sid AND id = made;
        ELSE
            DELETE FROM sessions WHERE sid = NEW.sid AND id = made;
        END IF;
        UPDATE user_sessions SET expire = data_cap WHERE sid = NEW.sid AND expire > data_cap;
    END IF;
    RETURN NEW;
END
$$;

SELECT keyrack_secure_functions();
