-- The functions as they were before.
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

CREATE OR REPLACE FUNCTION keyrack_keep_active_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET status = 'logged_out', updated_at = now() WHERE id = OLD.id;
    RETURN NULL;
END
$$;

SELECT keyrack_secure_functions();

-- CASCADE: the triggers are dropped with their functions.
DROP FUNCTION keyrack_clamp_times, keyrack_end_before_enable, keyrack_follow_user, keyrack_update_data_of_user,
    keyrack_with_user CASCADE;
