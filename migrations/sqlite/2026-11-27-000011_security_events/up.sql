-- Security events: what happened to accounts and sessions, by whom, and from where. A row is written in the transaction of
-- what it tells. The triggers below write it for sessions, so that it is also there if an administrator ends one by plain
-- SQL. Keyrack writes those of accounts itself.

-- Sessions -------------------------------------------------------------------------------------------------------------

-- How a session was let in. Those of now become 'unknown'; a row of a program that does not know the column is 'peer'.
ALTER TABLE sessions ADD COLUMN authorised_by TEXT NOT NULL DEFAULT 'peer';
UPDATE sessions SET authorised_by = 'unknown';
-- Who ended it, in the words of security_events.actor. NULL: another program, by plain SQL.
ALTER TABLE sessions ADD COLUMN ended_by TEXT;
-- The session from which its user, or the operating-system user whose command, ended it.
ALTER TABLE sessions ADD COLUMN ended_by_name TEXT;
ALTER TABLE sessions ADD COLUMN ended_from TEXT;

-- Events ---------------------------------------------------------------------------------------------------------------

-- No foreign keys: an event outlives its session's history and its account.
CREATE TABLE security_events (
    -- AUTOINCREMENT: the id of a deleted event is never used again.
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- Orders events on PostgreSQL. Here the ids do, since one transaction writes at a time.
    transaction_id INTEGER NOT NULL DEFAULT 0,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    kind TEXT NOT NULL,
    user_id TEXT,
    session_id TEXT,
    actor TEXT NOT NULL CHECK (actor IN ('user', 'admin', 'command', 'peer', 'system')),
    ip_address TEXT,
    detail TEXT NOT NULL DEFAULT '{}'
);

CREATE INDEX security_events_by_user ON security_events (user_id, id);
CREATE INDEX security_events_by_session ON security_events (session_id, id);

-- Refuses every change of an event.
CREATE TRIGGER keyrack_keep_events BEFORE UPDATE ON security_events
BEGIN
    SELECT RAISE(ABORT, 'security events are never changed');
END;

-- Refuses to delete an event before its retention is over. The purge keeps the retention in the settings.
CREATE TRIGGER keyrack_keep_recent_events BEFORE DELETE ON security_events
WHEN OLD.at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || coalesce(
    (SELECT value FROM keyrack_settings WHERE name = 'events_retention_seconds'), 180 * 86400
) || ' seconds')
BEGIN
    SELECT RAISE(ABORT, 'security events are kept until their retention is over');
END;

-- Triggers that write events -------------------------------------------------------------------------------------------

-- Records a new session. The times of other programs' rows are not trusted: a time long ago would let the next purge
-- delete the event.
CREATE TRIGGER keyrack_record_start AFTER INSERT ON sessions
BEGIN
    INSERT INTO security_events (at, kind, user_id, session_id, actor, ip_address, detail)
    VALUES (
        CASE WHEN NEW.authorised_by = 'peer' THEN strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') ELSE NEW.created_at END,
        CASE
            WHEN NEW.status <> 'active' THEN 'session_ended'
            WHEN NEW.authorised_by = 'peer' THEN 'session_adopted'
            ELSE 'signed_in'
        END,
        NEW.user_id, NEW.id, CASE WHEN NEW.authorised_by = 'peer' THEN 'peer' ELSE 'user' END, NEW.ip_address,
        CASE
            WHEN NEW.status <> 'active' THEN json_object('reason', coalesce(NEW.end_reason, 'signed_out'))
            ELSE json_object('authorised_by', NEW.authorised_by)
        END
    );
END;

-- Records the end of a session.
CREATE TRIGGER keyrack_record_end AFTER UPDATE OF status ON sessions
WHEN OLD.status = 'active' AND NEW.status = 'logged_out'
BEGIN
    INSERT INTO security_events (at, kind, user_id, session_id, actor, ip_address, detail)
    SELECT
        moment, 'session_ended', NEW.user_id, NEW.id, ender, CASE WHEN ender <> 'peer' THEN NEW.ended_from END,
        json_patch('{}', json_object(
            'reason', coalesce(NEW.end_reason, 'signed_out'),
            'ended_at', CASE WHEN NEW.logged_out_at < moment THEN NEW.logged_out_at END,
            'os_user', CASE WHEN ender = 'command' THEN NEW.ended_by_name END,
            'by_session', CASE WHEN ender NOT IN ('command', 'peer') THEN NEW.ended_by_name END
        ))
    FROM (
        SELECT ender,
            CASE WHEN ender = 'peer' THEN strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') ELSE NEW.updated_at END AS moment
        FROM (
            SELECT CASE WHEN NEW.ended_by IN ('user', 'admin', 'command', 'system') THEN NEW.ended_by ELSE 'peer' END
                AS ender
        )
    );
END;

-- Records a browser that an account knows from now on.
CREATE TRIGGER keyrack_record_browser AFTER INSERT ON known_browsers
BEGIN
    INSERT INTO security_events (at, kind, user_id, session_id, actor)
    VALUES (NEW.created_at, 'browser_remembered', NEW.user_id, NEW.session_id, 'user');
END;

-- Records the deletion of an account, for which Keyrack has no command.
CREATE TRIGGER keyrack_record_account_deletion AFTER DELETE ON users
BEGIN
    INSERT INTO security_events (kind, user_id, actor) VALUES ('account_deleted', OLD.id, 'peer');
END;
