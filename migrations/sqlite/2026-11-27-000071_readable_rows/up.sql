-- Keeps out rows that Keyrack can't read. A column of SQLite takes any value, whatever its declared type: PostgreSQL's
-- types need no such rules. Rows that are there already and can't be read are left as they are: Keyrack shows the
-- others, and `keyrack doctor` names them.
--
-- A time is readable if it has the fixed width and is a date of the calendar: `strftime` alone takes 30 February for
-- 2 March. An id is readable if it is a UUID as PostgreSQL writes it: no query finds it in another spelling.

-- Times ---------------------------------------------------------------------------------------------------------------

-- Rewrites times of other formats to the fixed width, so that they compare as times. What is not a time becomes NULL,
-- which the NOT NULL columns reject. Only values that change are checked: an unreadable one that was there before must
-- not keep its session from ending.
DROP TRIGGER keyrack_widen_session_times_inserted;
DROP TRIGGER keyrack_widen_session_times_updated;
DROP TRIGGER keyrack_widen_authenticated_at_inserted;
DROP TRIGGER keyrack_widen_authenticated_at_updated;
DROP TRIGGER keyrack_widen_expire_inserted;
DROP TRIGGER keyrack_widen_expire_updated;

CREATE TRIGGER keyrack_widen_session_times_inserted
AFTER INSERT ON sessions
WHEN EXISTS (
    SELECT 1 FROM (
        SELECT NEW.expires_at AS value
        UNION ALL SELECT NEW.created_at
        UNION ALL SELECT NEW.updated_at
        UNION ALL SELECT NEW.last_seen_at
        UNION ALL SELECT NEW.logged_out_at
    )
    WHERE value IS NOT NULL AND NOT (
        typeof(value) = 'text' AND length(CAST(value AS BLOB)) = 27
        AND value GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
        AND strftime('%Y-%m-%dT%H:%M:%S', substr(value, 1, 19), '+0 days')
            IS substr(value, 1, 19)
    )
)
BEGIN
    UPDATE sessions
    SET expires_at = strftime('%Y-%m-%dT%H:%M:%f000Z', expires_at, '+0 days'),
        created_at = strftime('%Y-%m-%dT%H:%M:%f000Z', created_at, '+0 days'),
        updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at, '+0 days'),
        last_seen_at = strftime('%Y-%m-%dT%H:%M:%f000Z', last_seen_at, '+0 days'),
        logged_out_at = strftime('%Y-%m-%dT%H:%M:%f000Z', logged_out_at, '+0 days')
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER keyrack_widen_session_times_updated
AFTER UPDATE OF expires_at, created_at, updated_at, last_seen_at, logged_out_at ON sessions
WHEN EXISTS (
    SELECT 1 FROM (
        SELECT NEW.expires_at AS value WHERE NEW.expires_at IS NOT OLD.expires_at
        UNION ALL SELECT NEW.created_at WHERE NEW.created_at IS NOT OLD.created_at
        UNION ALL SELECT NEW.updated_at WHERE NEW.updated_at IS NOT OLD.updated_at
        UNION ALL SELECT NEW.last_seen_at WHERE NEW.last_seen_at IS NOT OLD.last_seen_at
        UNION ALL SELECT NEW.logged_out_at WHERE NEW.logged_out_at IS NOT OLD.logged_out_at
    )
    WHERE value IS NOT NULL AND NOT (
        typeof(value) = 'text' AND length(CAST(value AS BLOB)) = 27
        AND value GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
        AND strftime('%Y-%m-%dT%H:%M:%S', substr(value, 1, 19), '+0 days')
            IS substr(value, 1, 19)
    )
)
BEGIN
    UPDATE sessions
    SET expires_at = iif(
            NEW.expires_at IS OLD.expires_at, expires_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', expires_at, '+0 days')
        ),
        created_at = iif(
            NEW.created_at IS OLD.created_at, created_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', created_at, '+0 days')
        ),
        updated_at = iif(
            NEW.updated_at IS OLD.updated_at, updated_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at, '+0 days')
        ),
        last_seen_at = iif(
            NEW.last_seen_at IS OLD.last_seen_at, last_seen_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', last_seen_at, '+0 days')
        ),
        logged_out_at = iif(
            NEW.logged_out_at IS OLD.logged_out_at, logged_out_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', logged_out_at, '+0 days')
        )
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER keyrack_widen_authenticated_at_inserted
AFTER INSERT ON sessions
WHEN NEW.authenticated_at IS NOT NULL AND NOT (
    typeof(NEW.authenticated_at) = 'text' AND length(CAST(NEW.authenticated_at AS BLOB)) = 27
    AND NEW.authenticated_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(NEW.authenticated_at, 1, 19), '+0 days')
        IS substr(NEW.authenticated_at, 1, 19)
)
BEGIN
    UPDATE sessions
    SET authenticated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', authenticated_at, '+0 days')
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER keyrack_widen_authenticated_at_updated
AFTER UPDATE OF authenticated_at ON sessions
WHEN NEW.authenticated_at IS NOT OLD.authenticated_at AND NEW.authenticated_at IS NOT NULL AND NOT (
    typeof(NEW.authenticated_at) = 'text' AND length(CAST(NEW.authenticated_at AS BLOB)) = 27
    AND NEW.authenticated_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(NEW.authenticated_at, 1, 19), '+0 days')
        IS substr(NEW.authenticated_at, 1, 19)
)
BEGIN
    UPDATE sessions
    SET authenticated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', authenticated_at, '+0 days')
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER keyrack_widen_expire_inserted
AFTER INSERT ON user_sessions
WHEN NEW.expire IS NOT NULL AND NOT (
    typeof(NEW.expire) = 'text' AND length(CAST(NEW.expire AS BLOB)) = 27
    AND NEW.expire GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(NEW.expire, 1, 19), '+0 days')
        IS substr(NEW.expire, 1, 19)
)
BEGIN
    UPDATE user_sessions
    SET expire = strftime('%Y-%m-%dT%H:%M:%f000Z', expire, '+0 days')
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER keyrack_widen_expire_updated
AFTER UPDATE OF expire ON user_sessions
WHEN NEW.expire IS NOT OLD.expire AND NEW.expire IS NOT NULL AND NOT (
    typeof(NEW.expire) = 'text' AND length(CAST(NEW.expire AS BLOB)) = 27
    AND NEW.expire GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(NEW.expire, 1, 19), '+0 days')
        IS substr(NEW.expire, 1, 19)
)
BEGIN
    UPDATE user_sessions
    SET expire = strftime('%Y-%m-%dT%H:%M:%f000Z', expire, '+0 days')
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER keyrack_widen_user_times_inserted
AFTER INSERT ON users
WHEN EXISTS (
    SELECT 1 FROM (
        SELECT NEW.created_at AS value
        UNION ALL SELECT NEW.updated_at
        UNION ALL SELECT NEW.password_changed_at
        UNION ALL SELECT NEW.disabled_at
    )
    WHERE value IS NOT NULL AND NOT (
        typeof(value) = 'text' AND length(CAST(value AS BLOB)) = 27
        AND value GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
        AND strftime('%Y-%m-%dT%H:%M:%S', substr(value, 1, 19), '+0 days')
            IS substr(value, 1, 19)
    )
)
BEGIN
    SELECT RAISE(ABORT, 'users.disabled_at is not a time')
    WHERE NEW.disabled_at IS NOT NULL AND strftime('%Y-%m-%dT%H:%M:%f000Z', NEW.disabled_at) IS NULL;
    UPDATE users
    SET created_at = strftime('%Y-%m-%dT%H:%M:%f000Z', created_at, '+0 days'),
        updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at, '+0 days'),
        password_changed_at = strftime('%Y-%m-%dT%H:%M:%f000Z', password_changed_at, '+0 days'),
        disabled_at = strftime('%Y-%m-%dT%H:%M:%f000Z', disabled_at, '+0 days')
    WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER keyrack_widen_user_times_updated
AFTER UPDATE OF created_at, updated_at, password_changed_at, disabled_at ON users
WHEN EXISTS (
    SELECT 1 FROM (
        SELECT NEW.created_at AS value WHERE NEW.created_at IS NOT OLD.created_at
        UNION ALL SELECT NEW.updated_at WHERE NEW.updated_at IS NOT OLD.updated_at
        UNION ALL SELECT NEW.password_changed_at WHERE NEW.password_changed_at IS NOT OLD.password_changed_at
        UNION ALL SELECT NEW.disabled_at WHERE NEW.disabled_at IS NOT OLD.disabled_at
    )
    WHERE value IS NOT NULL AND NOT (
        typeof(value) = 'text' AND length(CAST(value AS BLOB)) = 27
        AND value GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
        AND strftime('%Y-%m-%dT%H:%M:%S', substr(value, 1, 19), '+0 days')
            IS substr(value, 1, 19)
    )
)
BEGIN
    SELECT RAISE(ABORT, 'users.disabled_at is not a time')
    WHERE NEW.disabled_at IS NOT NULL AND strftime('%Y-%m-%dT%H:%M:%f000Z', NEW.disabled_at) IS NULL;
    UPDATE users
    SET created_at = iif(
            NEW.created_at IS OLD.created_at, created_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', created_at, '+0 days')
        ),
        updated_at = iif(
            NEW.updated_at IS OLD.updated_at, updated_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at, '+0 days')
        ),
        password_changed_at = iif(
            NEW.password_changed_at IS OLD.password_changed_at, password_changed_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', password_changed_at, '+0 days')
        ),
        disabled_at = iif(
            NEW.disabled_at IS OLD.disabled_at, disabled_at,
            strftime('%Y-%m-%dT%H:%M:%f000Z', disabled_at, '+0 days')
        )
    WHERE rowid = NEW.rowid;
END;

-- Ids -----------------------------------------------------------------------------------------------------------------

CREATE TRIGGER keyrack_refuse_session_id_inserted AFTER INSERT ON sessions
WHEN NOT (
    typeof(NEW.id) = 'text' AND length(CAST(NEW.id AS BLOB)) = 36
    AND length(replace(NEW.id, '-', '')) = 32 AND NEW.id GLOB '????????-????-????-????-????????????'
    AND NEW.id NOT GLOB '*[^-0-9a-f]*'
)
BEGIN
    SELECT RAISE(ABORT, 'sessions.id must be a UUID in lower case, such as 550e8400-e29b-41d4-a716-446655440000');
END;

CREATE TRIGGER keyrack_refuse_session_id_updated AFTER UPDATE OF id ON sessions
WHEN NEW.id IS NOT OLD.id AND NOT (
    typeof(NEW.id) = 'text' AND length(CAST(NEW.id AS BLOB)) = 36
    AND length(replace(NEW.id, '-', '')) = 32 AND NEW.id GLOB '????????-????-????-????-????????????'
    AND NEW.id NOT GLOB '*[^-0-9a-f]*'
)
BEGIN
    SELECT RAISE(ABORT, 'sessions.id must be a UUID in lower case, such as 550e8400-e29b-41d4-a716-446655440000');
END;

CREATE TRIGGER keyrack_refuse_user_id_inserted AFTER INSERT ON users
WHEN NOT (
    typeof(NEW.id) = 'text' AND length(CAST(NEW.id AS BLOB)) = 36
    AND length(replace(NEW.id, '-', '')) = 32 AND NEW.id GLOB '????????-????-????-????-????????????'
    AND NEW.id NOT GLOB '*[^-0-9a-f]*'
)
BEGIN
    SELECT RAISE(ABORT, 'users.id must be a UUID in lower case, such as 550e8400-e29b-41d4-a716-446655440000');
END;

CREATE TRIGGER keyrack_refuse_user_id_updated AFTER UPDATE OF id ON users
WHEN NEW.id IS NOT OLD.id AND NOT (
    typeof(NEW.id) = 'text' AND length(CAST(NEW.id AS BLOB)) = 36
    AND length(replace(NEW.id, '-', '')) = 32 AND NEW.id GLOB '????????-????-????-????-????????????'
    AND NEW.id NOT GLOB '*[^-0-9a-f]*'
)
BEGIN
    SELECT RAISE(ABORT, 'users.id must be a UUID in lower case, such as 550e8400-e29b-41d4-a716-446655440000');
END;

-- Events --------------------------------------------------------------------------------------------------------------

-- Refuses events that can't be read. One is never changed, so its time is not rewritten either.
CREATE TRIGGER keyrack_refuse_malformed_event AFTER INSERT ON security_events
WHEN NOT (
    typeof(NEW.at) = 'text' AND length(CAST(NEW.at AS BLOB)) = 27
    AND NEW.at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(NEW.at, 1, 19), '+0 days')
        IS substr(NEW.at, 1, 19)
)
    OR typeof(NEW.kind) <> 'text' OR length(CAST(NEW.kind AS BLOB)) NOT BETWEEN 1 AND 32 OR NEW.kind GLOB '*[^a-z0-9_]*'
    OR typeof(NEW.detail) <> 'text' OR NOT json_valid(NEW.detail) OR json_type(NEW.detail) <> 'object'
    OR typeof(NEW.transaction_id) <> 'integer'
    OR EXISTS (
        SELECT 1 FROM (SELECT NEW.user_id AS value UNION ALL SELECT NEW.session_id)
        WHERE value IS NOT NULL AND NOT (
            typeof(value) = 'text' AND length(CAST(value AS BLOB)) = 36
            AND length(replace(value, '-', '')) = 32 AND value GLOB '????????-????-????-????-????????????'
            AND value NOT GLOB '*[^-0-9a-f]*'
        )
    )
BEGIN
    SELECT RAISE(
        ABORT,
        'malformed security event: at like 2026-01-29T11:50:14.000000Z, kind a-z0-9_, ids lower-case UUIDs, detail {}'
    );
END;

-- Refuses ids that are far ahead. The next id is one more than the greatest, so the greatest possible one would leave
-- none for later events, and every sign-in would fail.
CREATE TRIGGER keyrack_refuse_distant_event_id AFTER INSERT ON security_events
WHEN NEW.id > 1000000000 AND NEW.id - 1000000000 > max(
    coalesce((SELECT max(id) FROM security_events WHERE id < NEW.id), 0),
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'security_events'), 0)
)
BEGIN
    SELECT RAISE(ABORT, 'ids of security events grow one by one: leave the id out');
END;

-- Refuses to delete an event before its retention is over, as before. An event whose time can't be read was recorded
-- before every event with a greater id, like one that is dated in the future: its retention is over when that of such
-- an event is.
DROP TRIGGER keyrack_keep_recent_events;
CREATE TRIGGER keyrack_keep_recent_events BEFORE DELETE ON security_events
BEGIN
    SELECT RAISE(ABORT, 'security events are kept until their retention is over')
    FROM (
        SELECT strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || max(of_now, of_then) || ' seconds') AS kept_from,
            '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].*' AS pattern
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
    WHERE CASE
        WHEN typeof(OLD.at) = 'text' AND OLD.at GLOB pattern
            AND OLD.at <= strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '+1 day')
            THEN OLD.at > kept_from
        ELSE NOT EXISTS (
            SELECT 1 FROM security_events
            WHERE id > OLD.id AND at <= kept_from AND typeof(at) = 'text' AND at GLOB pattern
        )
    END;
END;

-- Records the end of a session, as before. A session whose id can't be read must end as well, so its event has no id.
DROP TRIGGER keyrack_record_end;
CREATE TRIGGER keyrack_record_end AFTER UPDATE OF status ON sessions
WHEN OLD.status = 'active' AND NEW.status = 'logged_out'
BEGIN
    INSERT INTO security_events (at, kind, user_id, session_id, actor, ip_address, detail)
    SELECT
        moment, 'session_ended',
        CASE WHEN typeof(NEW.user_id) = 'text' AND length(CAST(NEW.user_id AS BLOB)) = 36
            AND length(replace(NEW.user_id, '-', '')) = 32 AND NEW.user_id GLOB '????????-????-????-????-????????????'
            AND NEW.user_id NOT GLOB '*[^-0-9a-f]*'
            THEN NEW.user_id
        END,
        CASE WHEN typeof(NEW.id) = 'text' AND length(CAST(NEW.id AS BLOB)) = 36
            AND length(replace(NEW.id, '-', '')) = 32 AND NEW.id GLOB '????????-????-????-????-????????????'
            AND NEW.id NOT GLOB '*[^-0-9a-f]*'
            THEN NEW.id
        END,
        ender, CASE WHEN ender <> 'peer' THEN NEW.ended_from END,
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

-- Records the deletion of an account, as before, also of one whose id can't be read.
DROP TRIGGER keyrack_record_account_deletion;
CREATE TRIGGER keyrack_record_account_deletion AFTER DELETE ON users
BEGIN
    INSERT INTO security_events (kind, user_id, actor)
    SELECT 'account_deleted',
        CASE WHEN typeof(OLD.id) = 'text' AND length(CAST(OLD.id AS BLOB)) = 36
            AND length(replace(OLD.id, '-', '')) = 32 AND OLD.id GLOB '????????-????-????-????-????????????'
            AND OLD.id NOT GLOB '*[^-0-9a-f]*'
            THEN OLD.id
        END,
        'peer';
END;

-- Rows that are there already -----------------------------------------------------------------------------------------

-- Times that SQLite understands get the fixed width.
UPDATE sessions SET expires_at = strftime('%Y-%m-%dT%H:%M:%f000Z', expires_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', expires_at) IS NOT NULL AND NOT (
    typeof(expires_at) = 'text' AND length(CAST(expires_at AS BLOB)) = 27
    AND expires_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(expires_at, 1, 19), '+0 days')
        IS substr(expires_at, 1, 19)
);
UPDATE sessions SET created_at = strftime('%Y-%m-%dT%H:%M:%f000Z', created_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', created_at) IS NOT NULL AND NOT (
    typeof(created_at) = 'text' AND length(CAST(created_at AS BLOB)) = 27
    AND created_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days')
        IS substr(created_at, 1, 19)
);
UPDATE sessions SET updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at) IS NOT NULL AND NOT (
    typeof(updated_at) = 'text' AND length(CAST(updated_at AS BLOB)) = 27
    AND updated_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(updated_at, 1, 19), '+0 days')
        IS substr(updated_at, 1, 19)
);
UPDATE sessions SET last_seen_at = strftime('%Y-%m-%dT%H:%M:%f000Z', last_seen_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', last_seen_at) IS NOT NULL AND NOT (
    typeof(last_seen_at) = 'text' AND length(CAST(last_seen_at AS BLOB)) = 27
    AND last_seen_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(last_seen_at, 1, 19), '+0 days')
        IS substr(last_seen_at, 1, 19)
);
UPDATE sessions SET logged_out_at = strftime('%Y-%m-%dT%H:%M:%f000Z', logged_out_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', logged_out_at) IS NOT NULL AND NOT (
    typeof(logged_out_at) = 'text' AND length(CAST(logged_out_at AS BLOB)) = 27
    AND logged_out_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(logged_out_at, 1, 19), '+0 days')
        IS substr(logged_out_at, 1, 19)
);
UPDATE sessions SET authenticated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', authenticated_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', authenticated_at) IS NOT NULL AND NOT (
    typeof(authenticated_at) = 'text' AND length(CAST(authenticated_at AS BLOB)) = 27
    AND authenticated_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(authenticated_at, 1, 19), '+0 days')
        IS substr(authenticated_at, 1, 19)
);
UPDATE user_sessions SET expire = strftime('%Y-%m-%dT%H:%M:%f000Z', expire, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', expire) IS NOT NULL AND NOT (
    typeof(expire) = 'text' AND length(CAST(expire AS BLOB)) = 27
    AND expire GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(expire, 1, 19), '+0 days')
        IS substr(expire, 1, 19)
);
UPDATE users SET created_at = strftime('%Y-%m-%dT%H:%M:%f000Z', created_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', created_at) IS NOT NULL AND NOT (
    typeof(created_at) = 'text' AND length(CAST(created_at AS BLOB)) = 27
    AND created_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days')
        IS substr(created_at, 1, 19)
);
UPDATE users SET updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', updated_at) IS NOT NULL AND NOT (
    typeof(updated_at) = 'text' AND length(CAST(updated_at AS BLOB)) = 27
    AND updated_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(updated_at, 1, 19), '+0 days')
        IS substr(updated_at, 1, 19)
);
UPDATE users SET password_changed_at = strftime('%Y-%m-%dT%H:%M:%f000Z', password_changed_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', password_changed_at) IS NOT NULL AND NOT (
    typeof(password_changed_at) = 'text' AND length(CAST(password_changed_at AS BLOB)) = 27
    AND password_changed_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(password_changed_at, 1, 19), '+0 days')
        IS substr(password_changed_at, 1, 19)
);
UPDATE users SET disabled_at = strftime('%Y-%m-%dT%H:%M:%f000Z', disabled_at, '+0 days')
WHERE strftime('%Y-%m-%dT%H:%M:%f000Z', disabled_at) IS NOT NULL AND NOT (
    typeof(disabled_at) = 'text' AND length(CAST(disabled_at AS BLOB)) = 27
    AND disabled_at GLOB '????-??-??T??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]Z'
    AND strftime('%Y-%m-%dT%H:%M:%S', substr(disabled_at, 1, 19), '+0 days')
        IS substr(disabled_at, 1, 19)
);

-- Events with ids from 2^62 get the next ones after the others, in their order.
DROP TRIGGER keyrack_keep_events;
UPDATE security_events SET id = moved.new_id
FROM (
    SELECT id AS old_id,
        row_number() OVER (ORDER BY id)
            + coalesce((SELECT max(id) FROM security_events WHERE id < 4611686018427387904), 0) AS new_id
    FROM security_events WHERE id >= 4611686018427387904
) AS moved
WHERE security_events.id = moved.old_id;
UPDATE sqlite_sequence SET seq = coalesce((SELECT max(id) FROM security_events), 0)
WHERE name = 'security_events' AND seq >= 4611686018427387904;

CREATE TRIGGER keyrack_keep_events BEFORE UPDATE ON security_events
BEGIN
    SELECT RAISE(ABORT, 'security events are never changed');
END;
