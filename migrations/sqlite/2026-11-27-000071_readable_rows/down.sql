DROP TRIGGER keyrack_refuse_malformed_event;
DROP TRIGGER keyrack_refuse_distant_event_id;
DROP TRIGGER keyrack_widen_user_times_inserted;
DROP TRIGGER keyrack_widen_user_times_updated;
DROP TRIGGER keyrack_refuse_session_id_inserted;
DROP TRIGGER keyrack_refuse_session_id_updated;
DROP TRIGGER keyrack_refuse_user_id_inserted;
DROP TRIGGER keyrack_refuse_user_id_updated;

DROP TRIGGER keyrack_widen_session_times_inserted;
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

DROP TRIGGER keyrack_widen_session_times_updated;
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

DROP TRIGGER keyrack_widen_expire_inserted;
CREATE TRIGGER keyrack_widen_expire_inserted AFTER INSERT ON user_sessions
WHEN length(NEW.expire) <> 27 OR julianday(NEW.expire) IS NULL
BEGIN
    UPDATE user_sessions SET expire = strftime('%Y-%m-%dT%H:%M:%f000Z', expire) WHERE sid = NEW.sid;
END;

DROP TRIGGER keyrack_widen_expire_updated;
CREATE TRIGGER keyrack_widen_expire_updated AFTER UPDATE OF expire ON user_sessions
WHEN length(NEW.expire) <> 27 OR julianday(NEW.expire) IS NULL
BEGIN
    UPDATE user_sessions SET expire = strftime('%Y-%m-%dT%H:%M:%f000Z', expire) WHERE sid = NEW.sid;
END;

DROP TRIGGER keyrack_widen_authenticated_at_inserted;
CREATE TRIGGER keyrack_widen_authenticated_at_inserted AFTER INSERT ON sessions
WHEN NEW.authenticated_at IS NOT NULL
    AND (length(NEW.authenticated_at) <> 27 OR julianday(NEW.authenticated_at) IS NULL)
BEGIN
    UPDATE sessions SET authenticated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', authenticated_at) WHERE id = NEW.id;
END;

DROP TRIGGER keyrack_widen_authenticated_at_updated;
CREATE TRIGGER keyrack_widen_authenticated_at_updated AFTER UPDATE OF authenticated_at ON sessions
WHEN NEW.authenticated_at IS NOT NULL
    AND (length(NEW.authenticated_at) <> 27 OR julianday(NEW.authenticated_at) IS NULL)
BEGIN
    UPDATE sessions SET authenticated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', authenticated_at) WHERE id = NEW.id;
END;

DROP TRIGGER keyrack_keep_recent_events;
CREATE TRIGGER keyrack_keep_recent_events BEFORE DELETE ON security_events
BEGIN
    SELECT RAISE(ABORT, 'security events are kept until their retention is over')
    FROM (
        SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || max(of_now, of_then) || ' seconds') AS kept_from
        FROM (
            SELECT coalesce((
                    SELECT CASE
                        WHEN value NOT GLOB '*[^0-9]*' AND length(value) BETWEEN 1 AND 10
                            THEN max(CAST(value AS INTEGER), 86400)
                    END
                    FROM keyrack_settings WHERE name = 'events_retention_seconds'
                ), 15552000) AS of_now,
                coalesce((
                    SELECT max(CASE
                        WHEN json_valid(detail) AND json_extract(detail, '$.setting') = 'events_retention_seconds'
                            THEN max(CAST(json_extract(detail, '$.from') AS INTEGER), 86400)
                    END)
                    FROM security_events WHERE kind = 'setting_changed' AND id >= OLD.id
                ), 0) AS of_then
        )
    )
    WHERE OLD.at > kept_from AND NOT (
        OLD.at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '+1 day')
        AND EXISTS (SELECT 1 FROM security_events WHERE id > OLD.id AND at <= kept_from)
    );
END;

DROP TRIGGER keyrack_record_end;
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

DROP TRIGGER keyrack_record_account_deletion;
CREATE TRIGGER keyrack_record_account_deletion AFTER DELETE ON users
BEGIN
    INSERT INTO security_events (kind, user_id, actor) VALUES ('account_deleted', OLD.id, 'peer');
END;
