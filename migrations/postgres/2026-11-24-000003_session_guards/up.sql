-- The rules that hold whoever writes to the tables: Keyrack, an Express peer, or a person with psql.

-- 1. An ended session stays ended: no data row may appear for it, nor for a sid that a rotation has replaced.
--    The refusal is quiet (no row, no error), so that a peer's late upsert ends as if it had come in time.
--    FOR SHARE waits for an end that is under way; without it, the upsert would read "active" and survive the end.
--    And data never outlives its session: a peer that moves `expire` on at each request can't move it past the absolute end.
CREATE FUNCTION keyrack_refuse_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    session record;
BEGIN
    SELECT status, expires_at INTO session FROM sessions WHERE sid = NEW.sid FOR SHARE;
    IF EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid) THEN
        RETURN NULL;
    END IF;
    IF session IS NULL THEN
        RETURN NEW;
    END IF;
    IF session.status = 'logged_out' THEN
        RETURN NULL;
    END IF;
    NEW.expire := least(NEW.expire, session.expires_at::timestamp);
    RETURN NEW;
END
$$;

CREATE TRIGGER keyrack_refuse_data_of_ended BEFORE INSERT ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_refuse_data_of_ended();

--    An upsert that finds a row waits for whoever is deleting it, and then inserts without asking the trigger before it again.
--    So it is asked once more afterwards.
CREATE FUNCTION keyrack_remove_data_of_dead_sid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_sessions
    WHERE sid = NEW.sid AND EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid);
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_remove_data_of_dead_sid AFTER INSERT ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_remove_data_of_dead_sid();

-- 2. Data that is kept after the end is a record: it can be removed, not changed. Living data does not outlive its session.
CREATE FUNCTION keyrack_freeze_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    session record;
BEGIN
    SELECT status, expires_at INTO session FROM sessions WHERE sid = NEW.sid;
    IF session.status = 'logged_out' THEN
        RETURN NULL;
    END IF;
    IF NEW.sid <> OLD.sid AND EXISTS (SELECT FROM sessions WHERE sid = OLD.sid AND status = 'logged_out') THEN
        RETURN NULL;
    END IF;
    NEW.expire := least(NEW.expire, session.expires_at::timestamp);
    RETURN NEW;
END
$$;

CREATE TRIGGER keyrack_freeze_data_of_ended BEFORE UPDATE ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_freeze_data_of_ended();

-- 3. Every end has a time and a reason, and no end is taken back.
CREATE FUNCTION keyrack_complete_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'logged_out' THEN
        RAISE EXCEPTION 'session % has ended and stays ended', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    NEW.logged_out_at := coalesce(NEW.logged_out_at, now());
    NEW.end_reason := coalesce(NEW.end_reason, 'signed_out');
    RETURN NEW;
END
$$;

CREATE TRIGGER keyrack_complete_end BEFORE UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION keyrack_complete_end();

-- 4. An end removes the data, whoever writes it: the two tables change in one statement.
CREATE FUNCTION keyrack_remove_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_sessions WHERE sid = NEW.sid;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_remove_data_of_ended AFTER UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status = 'logged_out' AND NOT NEW.data_kept)
    EXECUTE FUNCTION keyrack_remove_data_of_ended();

-- 5. A session whose data was removed by somebody else (a peer's destroy or prune) has ended.
--    SKIP LOCKED: waiting could deadlock, because an end takes the same two rows in the other order. Whoever holds the row
--    may only be touching it, or be a peer whose `set` waits for this very row; so the sid is dead from here on, and a purge
--    ends the session.
CREATE FUNCTION keyrack_end_without_data() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions
    SET status = 'logged_out',
        updated_at = now(),
        logged_out_at = CASE WHEN OLD.expire > LOCALTIMESTAMP THEN now() ELSE least(OLD.expire::timestamptz, expires_at) END,
        end_reason = CASE
            WHEN OLD.expire > LOCALTIMESTAMP THEN 'signed_out'
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

CREATE TRIGGER keyrack_end_without_data AFTER DELETE ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_end_without_data();

-- 6. An active session is ended before its row may go.
CREATE FUNCTION keyrack_keep_active_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'session % is active: end it before deleting its row', OLD.id USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER keyrack_keep_active_sessions BEFORE DELETE ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active') EXECUTE FUNCTION keyrack_keep_active_sessions();
