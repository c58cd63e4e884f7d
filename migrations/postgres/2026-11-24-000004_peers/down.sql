DROP FUNCTION keyrack_forget_user CASCADE;

DROP TRIGGER keyrack_prefer_row_of_peer ON sessions;
DROP FUNCTION keyrack_prefer_row_of_peer;

DROP TRIGGER keyrack_keep_active_sessions ON sessions;
CREATE TRIGGER keyrack_keep_active_sessions BEFORE DELETE ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active') EXECUTE FUNCTION keyrack_keep_active_sessions();

-- The functions of the migration before, as they were.
CREATE OR REPLACE FUNCTION keyrack_refuse_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION keyrack_freeze_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION keyrack_end_without_data() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION keyrack_remove_data_of_dead_sid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_sessions
    WHERE sid = NEW.sid AND EXISTS (SELECT FROM replaced_sids WHERE sid = NEW.sid);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION keyrack_complete_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'logged_out' THEN
        RAISE EXCEPTION 'session % has ended and stays ended', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    NEW.logged_out_at := coalesce(NEW.logged_out_at, now());
    NEW.end_reason := coalesce(NEW.end_reason, 'signed_out');
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION keyrack_remove_data_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_sessions WHERE sid = NEW.sid;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION keyrack_keep_active_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'session % is active: end it before deleting its row', OLD.id USING ERRCODE = 'check_violation';
END
$$;

DROP FUNCTION keyrack_adopt;
DROP FUNCTION keyrack_user_of;
DROP FUNCTION keyrack_readable;

DROP INDEX sessions_by_end;
CREATE INDEX sessions_by_end ON sessions (status, logged_out_at);
