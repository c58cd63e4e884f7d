-- Triggers that keep the tables consistent, whichever program writes to them: the counterpart of the PostgreSQL
-- migration. SQLite has one writer at a time, so no trigger needs a lock. It has no peers: an Express application can
-- share a PostgreSQL database only.

-- user_sessions ------------------------------------------------------------------------------------------------------

-- Keeps ended sessions ended: skips data rows for the sid of an ended session and for a replaced sid.
CREATE TRIGGER keyrack_refuse_data_of_ended BEFORE INSERT ON user_sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE sid = NEW.sid AND status = 'logged_out')
    OR EXISTS (SELECT 1 FROM replaced_sids WHERE sid = NEW.sid)
BEGIN
    SELECT RAISE(IGNORE);
END;

-- Makes the data of ended sessions read-only. It can be deleted.
CREATE TRIGGER keyrack_freeze_data_of_ended BEFORE UPDATE ON user_sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE sid IN (OLD.sid, NEW.sid) AND status = 'logged_out')
BEGIN
    SELECT RAISE(IGNORE);
END;

-- Caps `expire` at the session's absolute expiry. A BEFORE trigger can't change the row here, so this takes two
-- triggers.
CREATE TRIGGER keyrack_cap_expire_inserted AFTER INSERT ON user_sessions
WHEN NEW.expire > (SELECT expires_at FROM sessions WHERE sid = NEW.sid)
BEGIN
    UPDATE user_sessions SET expire = (SELECT expires_at FROM sessions WHERE sid = NEW.sid) WHERE sid = NEW.sid;
END;

CREATE TRIGGER keyrack_cap_expire_updated AFTER UPDATE OF expire ON user_sessions
WHEN NEW.expire > (SELECT expires_at FROM sessions WHERE sid = NEW.sid)
BEGIN
    UPDATE user_sessions SET expire = (SELECT expires_at FROM sessions WHERE sid = NEW.sid) WHERE sid = NEW.sid;
END;

-- Ends the session whose data is deleted: a sign-out, or a timeout if the data had expired.
CREATE TRIGGER keyrack_end_without_data AFTER DELETE ON user_sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE sid = OLD.sid AND status = 'active')
BEGIN
    UPDATE sessions
    SET status = 'logged_out',
        updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'),
        logged_out_at = CASE
            WHEN OLD.expire > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') THEN strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
            ELSE min(OLD.expire, expires_at)
        END,
        end_reason = CASE
            WHEN OLD.expire > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') THEN 'signed_out'
            WHEN expires_at <= strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') THEN 'absolute_timeout'
            ELSE 'idle_timeout'
        END
    WHERE sid = OLD.sid AND status = 'active';
END;

-- sessions -----------------------------------------------------------------------------------------------------------

-- Rejects a change from ended to active.
CREATE TRIGGER keyrack_refuse_return BEFORE UPDATE OF status ON sessions
WHEN OLD.status = 'logged_out' AND NEW.status <> 'logged_out'
BEGIN
    SELECT RAISE(ABORT, 'a session that has ended stays ended');
END;

-- Gives every end a time and a reason.
CREATE TRIGGER keyrack_complete_end AFTER UPDATE OF status ON sessions
WHEN NEW.status = 'logged_out' AND (NEW.logged_out_at IS NULL OR NEW.end_reason IS NULL)
BEGIN
    UPDATE sessions
    SET logged_out_at = coalesce(logged_out_at, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
        end_reason = coalesce(end_reason, 'signed_out')
    WHERE id = NEW.id;
END;

-- Deletes the data of a session that ends, in the same statement, unless `data_kept` is set.
CREATE TRIGGER keyrack_remove_data_of_ended AFTER UPDATE OF status ON sessions
WHEN OLD.status = 'active' AND NEW.status = 'logged_out' AND NOT NEW.data_kept
BEGIN
    DELETE FROM user_sessions WHERE sid = NEW.sid;
END;

-- Ends an active session instead of deleting it: the row stays as history, and the DELETE gets no error.
CREATE TRIGGER keyrack_keep_active_sessions BEFORE DELETE ON sessions
WHEN OLD.status = 'active'
BEGIN
    UPDATE sessions
    SET status = 'logged_out', updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    WHERE id = OLD.id;
    SELECT RAISE(IGNORE);
END;

-- users --------------------------------------------------------------------------------------------------------------

-- Deletes the sessions of a deleted user, active and ended.
CREATE TRIGGER keyrack_forget_user BEFORE DELETE ON users
BEGIN
    UPDATE sessions
    SET status = 'logged_out', updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    WHERE user_id = OLD.id AND status = 'active';
    DELETE FROM sessions WHERE user_id = OLD.id;
END;

-- Time formats -------------------------------------------------------------------------------------------------------

-- Rewrites times of other formats to the fixed width, so that they compare as times; PostgreSQL's types need no such
-- trigger. Text that is not a time becomes NULL, which the NOT NULL columns reject.
CREATE TRIGGER keyrack_widen_session_times_inserted AFTER INSERT ON sessions
WHEN length(NEW.expires_at) <> 27 OR length(NEW.created_at) <> 27 OR length(NEW.updated_at) <> 27
    OR length(NEW.last_seen_at) <> 27 OR length(NEW.logged_out_at) <> 27
    OR julianday(NEW.expires_at) + julianday(NEW.created_at) + julianday(NEW.updated_at)
        + julianday(NEW.last_seen_at) IS NULL
BEGIN
    UPDATE sessions
    SET expires_at = strftime('%Y-%m-%dT%H:%M:%f000Z', expires_at),
        created_at = strftime('%Y-%m-%dT%H:%M:%f000Z', created_at),
        updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at),
        last_seen_at = strftime('%Y-%m-%dT%H:%M:%f000Z', last_seen_at),
        logged_out_at = strftime('%Y-%m-%dT%H:%M:%f000Z', logged_out_at)
    WHERE id = NEW.id;
END;

CREATE TRIGGER keyrack_widen_session_times_updated
AFTER UPDATE OF expires_at, created_at, updated_at, last_seen_at, logged_out_at ON sessions
WHEN length(NEW.expires_at) <> 27 OR length(NEW.created_at) <> 27 OR length(NEW.updated_at) <> 27
    OR length(NEW.last_seen_at) <> 27 OR length(NEW.logged_out_at) <> 27
    OR julianday(NEW.expires_at) + julianday(NEW.created_at) + julianday(NEW.updated_at)
        + julianday(NEW.last_seen_at) IS NULL
BEGIN
    UPDATE sessions
    SET expires_at = strftime('%Y-%m-%dT%H:%M:%f000Z', expires_at),
        created_at = strftime('%Y-%m-%dT%H:%M:%f000Z', created_at),
        updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at),
        last_seen_at = strftime('%Y-%m-%dT%H:%M:%f000Z', last_seen_at),
        logged_out_at = strftime('%Y-%m-%dT%H:%M:%f000Z', logged_out_at)
    WHERE id = NEW.id;
END;

CREATE TRIGGER keyrack_widen_expire_inserted AFTER INSERT ON user_sessions
WHEN length(NEW.expire) <> 27 OR julianday(NEW.expire) IS NULL
BEGIN
    UPDATE user_sessions SET expire = strftime('%Y-%m-%dT%H:%M:%f000Z', expire) WHERE sid = NEW.sid;
END;

CREATE TRIGGER keyrack_widen_expire_updated AFTER UPDATE OF expire ON user_sessions
WHEN length(NEW.expire) <> 27 OR julianday(NEW.expire) IS NULL
BEGIN
    UPDATE user_sessions SET expire = strftime('%Y-%m-%dT%H:%M:%f000Z', expire) WHERE sid = NEW.sid;
END;
