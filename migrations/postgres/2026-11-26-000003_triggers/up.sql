-- Triggers that keep the tables consistent, whichever program writes to them: Keyrack, an Express application through
-- connect-pg-simple (a peer), or an administrator in psql.
--
-- A peer's statements return what connect-pg-simple expects. A trigger that refuses a peer's row skips it instead of
-- raising an error, and no trigger waits for a transaction that may be waiting for the peer: rows are locked in the
-- order `users`, `sessions`, `user_sessions`, and a trigger that can't keep that order skips locked rows.

-- Parsing session data -----------------------------------------------------------------------------------------------

-- Returns `sess` as a JSON object, or NULL if it is not one. The type json accepts escapes that its own operators
-- reject (\u0000 and halves of surrogate pairs); they are replaced by U+FFFD. A JSON string is parsed again, as
-- connect-pg-simple does.
CREATE FUNCTION keyrack_readable(sess json) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
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

-- Returns the user that the data is signed in as: the UUID in `userId`, unless `status` is 'logout'. NULL if there is
-- none.
CREATE FUNCTION keyrack_user_of(sess json) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    readable json;
    user_id text;
BEGIN
    IF position('userId' IN sess::text) = 0 THEN
        RETURN NULL;
    END IF;
    readable := keyrack_readable(sess);
    user_id := readable ->> 'userId';
    IF user_id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
        AND readable ->> 'status' IS DISTINCT FROM 'logout'
    THEN
        RETURN user_id;
    END IF;
    RETURN NULL;
END
$$;

-- Inserts the session for data that a peer has written for a known user. The session has no absolute expiry (stored as
-- 9999-12-31), because the peer extends its data with each request. The application may supply the address and user
-- agent. Returns false if another transaction has inserted a session with this sid: the caller has to read that one.
-- PL/pgSQL caches its plans; an SQL function would plan again for each sign-in, which takes longer than the rest.
CREATE FUNCTION keyrack_adopt(new_sid varchar, sess json, expire timestamp) RETURNS boolean LANGUAGE plpgsql AS $$
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

-- user_sessions ------------------------------------------------------------------------------------------------------

-- Keeps ended sessions ended: skips data rows for the sid of an ended session and for a replaced sid. A peer's late
-- upsert then returns as if it had come before the end.
--
-- 1. A session that this same transaction has written for the same user needs no other check. Every start does so.
-- 2. FOR SHARE waits for an end that is not committed yet. Otherwise the insert would read "active" and outlive it.
-- 3. `expire` is capped at the session's absolute expiry, which a peer that extends it with each request can't exceed.
-- 4. Data that names a known user is a sign-in at the peer: it gets a session.
-- 5. Data that no longer names the session's user is a sign-out at the peer, which goes on using the sid: the session
--    ends and releases its sid.
-- 6. Data that can't be parsed neither signs in nor ends a session.
CREATE FUNCTION keyrack_refuse_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER keyrack_refuse_data_of_ended BEFORE INSERT ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_refuse_data_of_ended();

-- Deletes inserted data whose sid was replaced in the meantime. An upsert that conflicts with a row waits while another
-- transaction deletes that row, and then inserts without running the BEFORE INSERT trigger again.
CREATE FUNCTION keyrack_remove_data_of_dead_sid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_sessions
    WHERE sid = NEW.sid AND EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid);
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_remove_data_of_dead_sid AFTER INSERT ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_remove_data_of_dead_sid();

-- Makes the data of ended sessions read-only (it can be deleted), and caps `expire` at the session's absolute expiry.
--
-- A peer that extends `expire` has seen the device: `last_seen_at` is updated at most once a minute, also where the cap
-- leaves `expire` unchanged, but not if this same transaction has written the session. SKIP LOCKED, because an end
-- locks the two rows in the other order. Data that was written before its user or this trigger existed gets its session
-- when a peer extends it.
CREATE FUNCTION keyrack_freeze_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    session record;
    is_activity boolean := NEW.expire > OLD.expire;
BEGIN
    SELECT id, status, expires_at, last_seen_at, xmin AS changed_by INTO session FROM sessions WHERE sid = NEW.sid;
    IF session.status = 'logged_out' THEN
        RETURN NULL;
    END IF;
    IF NEW.sid <> OLD.sid AND EXISTS (SELECT FROM sessions WHERE sid = OLD.sid AND status = 'logged_out') THEN
        RETURN NULL;
    END IF;
    IF session.id IS NULL THEN
        IF is_activity THEN
            PERFORM keyrack_adopt(NEW.sid, NEW.sess, NEW.expire);
        END IF;
        RETURN NEW;
    END IF;
    NEW.expire := least(NEW.expire, session.expires_at::timestamp);
    IF is_activity AND session.last_seen_at < now() - interval '1 minute'
        AND session.changed_by IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid
    THEN
        UPDATE sessions SET last_seen_at = now(), updated_at = now()
        WHERE id = (SELECT id FROM sessions WHERE id = session.id AND status = 'active' FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER keyrack_freeze_data_of_ended BEFORE UPDATE ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_freeze_data_of_ended();

-- Ends the session whose data is deleted: a peer's destroy is a sign-out, a peer's prune a timeout.
--
-- SKIP LOCKED, because an end locks the two rows in the other order, and waiting could deadlock. The holder of the lock
-- may only be updating the session, or be a peer's `set` that waits for this very row. Therefore the sid of a locked
-- session is put into `replaced_sids`, which makes it unusable at once, and the next purge ends the session. `expire`
-- is compared with a point in time, because local time repeats an hour in autumn.
CREATE FUNCTION keyrack_end_without_data() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER keyrack_end_without_data AFTER DELETE ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_end_without_data();

-- sessions -----------------------------------------------------------------------------------------------------------

-- Lets an application insert its own row for a sign-in that already has the session which keyrack_adopt inserted: that
-- session is deleted, or ended as 'replaced' if former sids refer to it. The data of a session is locked before its sid
-- changes or its row is deleted, or a concurrent DELETE of the data could deadlock with it.
CREATE FUNCTION keyrack_prefer_row_of_peer() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER keyrack_prefer_row_of_peer BEFORE INSERT ON sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_prefer_row_of_peer();

-- Gives every end a time and a reason, and rejects a change from ended to active. `logged_out_at` is moved to
-- `created_at` if it is up to a minute earlier: now() is the start of the transaction, which may have waited for one
-- that started later, and the clocks of two machines differ slightly.
CREATE FUNCTION keyrack_complete_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'logged_out' THEN
        RAISE EXCEPTION 'session % has ended and stays ended', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    NEW.logged_out_at := coalesce(NEW.logged_out_at, now());
    IF NEW.logged_out_at BETWEEN NEW.created_at - interval '1 minute' AND NEW.created_at THEN
        NEW.logged_out_at := NEW.created_at;
    END IF;
    NEW.end_reason := coalesce(NEW.end_reason, 'signed_out');
    RETURN NEW;
END
$$;

CREATE TRIGGER keyrack_complete_end BEFORE UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION keyrack_complete_end();

-- Deletes the data of a session that ends, in the same statement, unless `data_kept` is set.
CREATE FUNCTION keyrack_remove_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_sessions WHERE sid = NEW.sid;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_remove_data_of_ended AFTER UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status = 'logged_out' AND NOT NEW.data_kept)
    EXECUTE FUNCTION keyrack_remove_data_of_ended();

-- Ends an active session instead of deleting it: the row stays as history, and a peer that deletes it gets no error.
-- Other triggers may delete active sessions (depth above 0): keyrack_forget_user and keyrack_prefer_row_of_peer do.
CREATE FUNCTION keyrack_keep_active_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET status = 'logged_out', updated_at = now() WHERE id = OLD.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_keep_active_sessions BEFORE DELETE ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active' AND pg_trigger_depth() = 0)
    EXECUTE FUNCTION keyrack_keep_active_sessions();

-- users --------------------------------------------------------------------------------------------------------------

-- Deletes the sessions of a deleted user, active and ended, so that an application can go on deleting users. If `users`
-- is a view, no trigger is needed: `sessions` has no foreign key to it.
CREATE FUNCTION keyrack_forget_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET status = 'logged_out', updated_at = now() WHERE user_id = OLD.id AND status = 'active';
    DELETE FROM sessions WHERE user_id = OLD.id;
    RETURN OLD;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'users'::regclass AND relkind IN ('r', 'p')) THEN
        CREATE TRIGGER keyrack_forget_user BEFORE DELETE ON users
            FOR EACH ROW EXECUTE FUNCTION keyrack_forget_user();
    END IF;
END
$$;

-- Privileges ---------------------------------------------------------------------------------------------------------

-- Runs the functions that use tables as their owner and with the current search_path. A peer's role may have privileges
-- on `user_sessions` only, and tables of the same names may come first in its own search_path.
DO $$
DECLARE
    rule regprocedure;
    path text := (SELECT string_agg(quote_ident(name), ', ') FROM unnest(current_schemas(false)) AS name);
BEGIN
    FOR rule IN
        SELECT oid FROM pg_proc
        WHERE proname LIKE 'keyrack\_%' AND proname NOT IN ('keyrack_readable', 'keyrack_user_of')
            AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %s, pg_temp', rule, path);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', rule);
    END LOOP;
END
$$;
