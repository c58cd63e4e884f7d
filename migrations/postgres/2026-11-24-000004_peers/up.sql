-- Peers: what other programs do to `user_sessions` is what happens to the sessions.
--
-- The statements are those of connect-pg-simple. They keep their results: what is written here on a peer's behalf never
-- raises an error over its data, and waits for nobody who could be waiting for the peer.

-- `sess` as an object that can be looked into, or nothing. `json` holds what its own operators refuse to read: an escaped NUL,
-- half of a surrogate pair. A JSON string is read once more, as connect-pg-simple does.
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

-- Whose session `sess` says it is: the user that `userId` names, unless it says that it is over.
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

-- Gives data that a peer has written for a known user its session. It has no end but that of its data, which moves on with
-- each request: it says so by an end that nobody lives to see. Where the device is, an application may tell.
-- Returns false if somebody else gave this sid its session meanwhile: whoever wants to know whose it is has to look again.
-- In PL/pgSQL because that keeps its plans: in SQL, they would be made anew for each sign-in, which takes longer than the rest.
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

-- 1. An ended session stays ended: no data row may appear for it, nor for a sid that a rotation has replaced.
--    The refusal is quiet (no row, no error), so that a peer's late upsert ends as if it had come in time.
--    FOR SHARE waits for an end that is under way; without it, the upsert would read "active" and survive the end.
--    And data never outlives its session: a peer that moves `expire` on at each request can't move it past the absolute end.
--
--    Who has written the session in this very transaction, as every start does, and names its user, knows what they do: nothing
--    is left to ask.
--
--    A peer's sign-in appears: data that names a known user gets its session. Where the data of a session no longer names its
--    user, the peer has signed them out and keeps the sid for what comes next: the session ends and lets go of the sid. What
--    can't be read says nothing: it lets nobody in, and ends nothing.
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
            -- Another's, or one that took the place of the first, or came, while we looked.
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

-- 2. Data that is kept after the end is a record: it can be removed, not changed. Living data does not outlive its session.
--
--    A peer that moves the data's end on has seen the device: that is activity, recorded once a minute, also where the end can't
--    move because it is the session's own already. Whoever has changed the session in this very transaction has recorded it.
--    SKIP LOCKED: an end takes the same two rows in the other order.
--    Data that was there before its user or these rules were gets its session when a peer touches it.
CREATE OR REPLACE FUNCTION keyrack_freeze_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- 3. Every end has a time and a reason, and no end is taken back.
--    No session ends a moment before it began: a transaction's time is when it started, and it may have waited for one that came
--    later; and the clocks of two machines differ a little.
CREATE OR REPLACE FUNCTION keyrack_complete_end() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- 5. A session whose data was removed by somebody else (a peer's destroy or prune) has ended.
--    SKIP LOCKED: waiting could deadlock, because an end takes the same two rows in the other order. Whoever holds the row
--    may only be touching it, or be a peer whose `set` waits for this very row; so the sid is dead from here on, and a purge
--    ends the session.
--    `expire` is compared with a point in time, not with local time, in which an hour of autumn comes twice.
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
        INSERT INTO replaced_sids (sid, session_id) SELECT sid, id FROM sessions WHERE sid = OLD.sid AND status = 'active'
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;

-- 6. A session's row is never deleted while it is active. Where a peer's own code does so, that is the session's end: the row stays as
--    history, and the statement raises no error. Only below another trigger the row may go: with its user, or as the one that
--    was made for a peer and makes room for the row that the peer's own code writes for the same sign-in a moment later. Locks
--    are taken as above.
CREATE OR REPLACE FUNCTION keyrack_keep_active_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET status = 'logged_out', updated_at = now() WHERE id = OLD.id;
    RETURN NULL;
END
$$;

CREATE FUNCTION keyrack_prefer_row_of_peer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    SELECT id INTO made FROM sessions
    WHERE sid = NEW.sid AND status = 'active' AND expires_at = '9999-12-31 23:59:59.999999+00' FOR NO KEY UPDATE;
    IF made IS NOT NULL THEN
        PERFORM FROM user_sessions WHERE sid = NEW.sid FOR UPDATE;
        IF EXISTS (SELECT FROM replaced_sids WHERE session_id = made) THEN
            UPDATE sessions SET sid = id, status = 'logged_out', end_reason = 'replaced', updated_at = now() WHERE id = made;
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

DROP TRIGGER keyrack_keep_active_sessions ON sessions;
CREATE TRIGGER keyrack_keep_active_sessions BEFORE DELETE ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active' AND pg_trigger_depth() = 0) EXECUTE FUNCTION keyrack_keep_active_sessions();

-- 7. With a user go their sessions, live and ended: an application may delete its users as before. A view has no triggers of its own,
--    nor do the sessions refer to it.
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

-- 8. The index by end holds what has ended, and nothing else: no sign-in writes to it. And an index that begins with the status tempts the
--    planner: where few sessions were active when the table was last looked at, it seems as good a way to one of them as that by sid,
--    and then reads all that are active by now.
--    A table that was taken over has it already, under another name if it had the old one.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_indexes
        WHERE schemaname = current_schema() AND tablename = 'sessions' AND indexname = 'sessions_by_end'
            AND indexdef LIKE '%(status, logged_out_at)'
    ) THEN
        DROP INDEX sessions_by_end;
        IF to_regclass('keyrack_sessions_by_end') IS NOT NULL THEN
            ALTER INDEX keyrack_sessions_by_end RENAME TO sessions_by_end;
        ELSE
            CREATE INDEX sessions_by_end ON sessions (logged_out_at) WHERE logged_out_at IS NOT NULL;
        END IF;
    END IF;
END
$$;

-- A peer's role need not have rights to more than its own table, nor the same `search_path`: the rules run as the owner of
-- Keyrack's tables, and on these tables whatever else bears their names.
DO $$
DECLARE
    rule regprocedure;
    path text := (SELECT string_agg(quote_ident(name), ', ') FROM unnest(current_schemas(false)) AS name);
BEGIN
    FOR rule IN
        SELECT oid FROM pg_proc
        WHERE proname LIKE 'keyrack\_%' AND proname NOT IN ('keyrack_readable', 'keyrack_user_of')
            AND pronamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %s, pg_temp', rule, path);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', rule);
    END LOOP;
END
$$;
