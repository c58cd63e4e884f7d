-- The rules that hold whoever writes to the tables: the twin of the PostgreSQL migration, rule by rule.
-- SQLite has one writer at a time, so nothing here needs a lock.

-- 1. An ended session stays ended: no data row may appear for it, nor for a sid that a rotation has replaced.
CREATE TRIGGER keyrack_refuse_data_of_ended BEFORE INSERT ON user_sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE sid = NEW.sid AND status = 'logged_out')
    OR EXISTS (SELECT 1 FROM replaced_sids WHERE sid = NEW.sid)
BEGIN
    SELECT RAISE(IGNORE);
END;

-- 2. Data that is kept after the end is a record: it can be removed, not changed. Living data does not outlive its session.
CREATE TRIGGER keyrack_freeze_data_of_ended BEFORE UPDATE ON user_sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE sid IN (OLD.sid, NEW.sid) AND status = 'logged_out')
BEGIN
    SELECT RAISE(IGNORE);
END;

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

-- 3. Every end has a time and a reason, and no end is taken back.
CREATE TRIGGER keyrack_refuse_return BEFORE UPDATE OF status ON sessions
WHEN OLD.status = 'logged_out' AND NEW.status <> 'logged_out'
BEGIN
    SELECT RAISE(ABORT, 'a session that has ended stays ended');
END;

CREATE TRIGGER keyrack_complete_end AFTER UPDATE OF status ON sessions
WHEN NEW.status = 'logged_out' AND (NEW.logged_out_at IS NULL OR NEW.end_reason IS NULL)
BEGIN
    UPDATE sessions
    SET logged_out_at = coalesce(logged_out_at, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
        end_reason = coalesce(end_reason, 'signed_out')
    WHERE id = NEW.id;
END;

-- 4. An end removes the data, whoever writes it: the two tables change in one statement.
CREATE TRIGGER keyrack_remove_data_of_ended AFTER UPDATE OF status ON sessions
WHEN OLD.status = 'active' AND NEW.status = 'logged_out' AND NOT NEW.data_kept
BEGIN
    DELETE FROM user_sessions WHERE sid = NEW.sid;
END;

-- 5. A session whose data was removed by somebody else has ended.
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

-- 6. An active session is ended before its row may go.
CREATE TRIGGER keyrack_keep_active_sessions BEFORE DELETE ON sessions
WHEN OLD.status = 'active'
BEGIN
    SELECT RAISE(ABORT, 'the session is active: end it before deleting its row');
END;

-- Only here: PostgreSQL's types bring every time into one form, SQLite keeps the text as it came.
-- Times that another program writes with fewer digits are widened, so that they still compare as times. Text that is no time
-- becomes NULL by it, which the columns refuse.
CREATE TRIGGER keyrack_widen_session_times_inserted AFTER INSERT ON sessions
WHEN length(NEW.expires_at) <> 27 OR length(NEW.created_at) <> 27 OR length(NEW.updated_at) <> 27
    OR length(NEW.last_seen_at) <> 27 OR length(NEW.logged_out_at) <> 27
    OR julianday(NEW.expires_at) + julianday(NEW.created_at) + julianday(NEW.updated_at) + julianday(NEW.last_seen_at) IS NULL
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
    OR julianday(NEW.expires_at) + julianday(NEW.created_at) + julianday(NEW.updated_at) + julianday(NEW.last_seen_at) IS NULL
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
