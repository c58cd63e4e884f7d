-- Passwords that are good for one sign-in. An operator has set them, so their owner has to choose another one before
-- anything else.
CREATE TABLE one_time_passwords (
    user_id uuid PRIMARY KEY,
    -- users.password_changed_at of this password. A row with another time is about an earlier password and has no
    -- effect.
    password_changed_at timestamptz NOT NULL,
    -- When it was used; NULL until then.
    used_at timestamptz
);

-- A foreign key can't reference a view; the purge deletes the rows of users that a view no longer has.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'users'::regclass AND relkind IN ('r', 'p')) THEN
        ALTER TABLE one_time_passwords
            ADD CONSTRAINT one_time_passwords_user_id_fkey
            FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
    END IF;
END
$$;

-- Whether the user of a session has to change the password before the session is good for anything else.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS must_change_password boolean NOT NULL DEFAULT false;

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
