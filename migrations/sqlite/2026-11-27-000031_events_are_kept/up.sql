-- Keeps the log of security events from being opened by a setting, and every rule about deletions from being passed by
-- REPLACE.

-- Events --------------------------------------------------------------------------------------------------------------

-- Finds events by their time, for the purge.
CREATE INDEX security_events_by_time ON security_events (at);

-- Finds the changes of settings, of which the triggers read the former retentions.
CREATE INDEX security_events_of_settings ON security_events (id) WHERE kind = 'setting_changed';

-- Refuses to delete an event before its retention is over: the longest retention since it was recorded, which is at
-- least a day, and 180 days where none is set. The purge keeps the retention in the settings. One that is lowered holds
-- for later events only. The changes are events themselves, and are kept as long.
--
-- An event that is dated more than a day in the future was recorded by a clock that has been corrected since. It was
-- recorded before every event with a greater id, so its retention is over when that of such an event is.
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

-- Refuses to insert an event in the place of another one: REPLACE deletes the row that has the id, and fires no trigger
-- for that.
CREATE TRIGGER keyrack_refuse_replaced_event BEFORE INSERT ON security_events
WHEN EXISTS (SELECT 1 FROM security_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'security events are never changed');
END;

-- Refuses ids below 1. BEFORE INSERT, an id that SQLite is to choose reads -1, so an event with that id would make the
-- trigger above refuse every new one.
CREATE TRIGGER keyrack_refuse_event_id AFTER INSERT ON security_events
WHEN NEW.id < 1
BEGIN
    SELECT RAISE(ABORT, 'ids of security events begin with 1');
END;

-- Settings ------------------------------------------------------------------------------------------------------------

-- Records changes of settings, also those by plain SQL, unless the program that changed one has just recorded it. NULL
-- stands for a setting that does not exist. Settings with which Keyrack notes its own progress are left out.
--
-- A program's own event must be the newest one and tell the former value: retentions before it are read from it.
CREATE TRIGGER keyrack_record_setting_inserted AFTER INSERT ON keyrack_settings
WHEN NEW.name IN ('peers', 'events_retention_seconds', 'set_up_at')
BEGIN
    INSERT INTO security_events (kind, actor, detail)
    SELECT 'setting_changed', 'peer',
        json_patch('{}', json_object(
            'setting', setting, 'from', substr(value_from, 1, 64), 'to', substr(value_to, 1, 64)
        ))
    FROM (
        SELECT setting,
            CASE setting
                WHEN 'peers' THEN coalesce(former, 'none')
                WHEN 'events_retention_seconds' THEN CASE
                    WHEN former NOT GLOB '*[^0-9]*' AND length(former) BETWEEN 1 AND 10
                        THEN CAST(max(CAST(former AS INTEGER), 86400) AS TEXT)
                    ELSE '15552000'
                END
                ELSE former
            END AS value_from,
            CASE setting
                WHEN 'peers' THEN coalesce(latter, 'none')
                WHEN 'events_retention_seconds' THEN coalesce(latter, '15552000')
                ELSE latter
            END AS value_to
        FROM (
            SELECT NEW.name AS setting, NULL AS former, NEW.value AS latter
        )
        WHERE setting IN ('peers', 'events_retention_seconds') OR (setting = 'set_up_at' AND former IS NOT NULL)
    )
    WHERE value_from IS NOT value_to AND NOT EXISTS (
        SELECT 1 FROM security_events
        WHERE id = (SELECT max(id) FROM security_events) AND kind = 'setting_changed' AND json_valid(detail)
            AND json_extract(detail, '$.setting') = setting AND json_extract(detail, '$.from') IS value_from
            AND json_extract(detail, '$.to') IS value_to
    );
END;

CREATE TRIGGER keyrack_record_setting_updated AFTER UPDATE ON keyrack_settings
WHEN NEW.name IN ('peers', 'events_retention_seconds', 'set_up_at')
    OR OLD.name IN ('peers', 'events_retention_seconds', 'set_up_at')
BEGIN
    INSERT INTO security_events (kind, actor, detail)
    SELECT 'setting_changed', 'peer',
        json_patch('{}', json_object(
            'setting', setting, 'from', substr(value_from, 1, 64), 'to', substr(value_to, 1, 64)
        ))
    FROM (
        SELECT setting,
            CASE setting
                WHEN 'peers' THEN coalesce(former, 'none')
                WHEN 'events_retention_seconds' THEN CASE
                    WHEN former NOT GLOB '*[^0-9]*' AND length(former) BETWEEN 1 AND 10
                        THEN CAST(max(CAST(former AS INTEGER), 86400) AS TEXT)
                    ELSE '15552000'
                END
                ELSE former
            END AS value_from,
            CASE setting
                WHEN 'peers' THEN coalesce(latter, 'none')
                WHEN 'events_retention_seconds' THEN coalesce(latter, '15552000')
                ELSE latter
            END AS value_to
        FROM (
            SELECT NEW.name AS setting, CASE WHEN OLD.name = NEW.name THEN OLD.value END AS former, NEW.value AS latter
            UNION ALL SELECT OLD.name, OLD.value, NULL WHERE OLD.name <> NEW.name
        )
        WHERE setting IN ('peers', 'events_retention_seconds') OR (setting = 'set_up_at' AND former IS NOT NULL)
    )
    WHERE value_from IS NOT value_to AND NOT EXISTS (
        SELECT 1 FROM security_events
        WHERE id = (SELECT max(id) FROM security_events) AND kind = 'setting_changed' AND json_valid(detail)
            AND json_extract(detail, '$.setting') = setting AND json_extract(detail, '$.from') IS value_from
            AND json_extract(detail, '$.to') IS value_to
    );
END;

CREATE TRIGGER keyrack_record_setting_deleted AFTER DELETE ON keyrack_settings
WHEN OLD.name IN ('peers', 'events_retention_seconds', 'set_up_at')
BEGIN
    INSERT INTO security_events (kind, actor, detail)
    SELECT 'setting_changed', 'peer',
        json_patch('{}', json_object(
            'setting', setting, 'from', substr(value_from, 1, 64), 'to', substr(value_to, 1, 64)
        ))
    FROM (
        SELECT setting,
            CASE setting
                WHEN 'peers' THEN coalesce(former, 'none')
                WHEN 'events_retention_seconds' THEN CASE
                    WHEN former NOT GLOB '*[^0-9]*' AND length(former) BETWEEN 1 AND 10
                        THEN CAST(max(CAST(former AS INTEGER), 86400) AS TEXT)
                    ELSE '15552000'
                END
                ELSE former
            END AS value_from,
            CASE setting
                WHEN 'peers' THEN coalesce(latter, 'none')
                WHEN 'events_retention_seconds' THEN coalesce(latter, '15552000')
                ELSE latter
            END AS value_to
        FROM (
            SELECT OLD.name AS setting, OLD.value AS former, NULL AS latter
        )
        WHERE setting IN ('peers', 'events_retention_seconds') OR (setting = 'set_up_at' AND former IS NOT NULL)
    )
    WHERE value_from IS NOT value_to AND NOT EXISTS (
        SELECT 1 FROM security_events
        WHERE id = (SELECT max(id) FROM security_events) AND kind = 'setting_changed' AND json_valid(detail)
            AND json_extract(detail, '$.setting') = setting AND json_extract(detail, '$.from') IS value_from
            AND json_extract(detail, '$.to') IS value_to
    );
END;

-- REPLACE -------------------------------------------------------------------------------------------------------------

-- REPLACE deletes the rows that have the key of the new one, and fires no trigger for that, so no rule about deletions
-- and changes holds. A trigger can't tell which statement fires it. But only REPLACE still inserts a row after it has
-- met another one with its key: BEFORE INSERT, a trigger notes here that there is such a row, and AFTER INSERT, another
-- one refuses. INSERT … ON CONFLICT DO UPDATE, DO NOTHING and INSERT OR IGNORE do not come that far.
CREATE TABLE conflicting_inserts (
    -- The table into which a row is being inserted whose key another row has.
    table_name TEXT NOT NULL PRIMARY KEY
);

CREATE TRIGGER keyrack_note_existing_session BEFORE INSERT ON sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id OR sid = NEW.sid OR rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM conflicting_inserts WHERE table_name = 'sessions')
BEGIN
    DELETE FROM conflicting_inserts WHERE table_name = 'sessions';
    INSERT INTO conflicting_inserts (table_name)
    SELECT 'sessions' WHERE EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id OR sid = NEW.sid OR rowid = NEW.rowid);
END;

CREATE TRIGGER keyrack_refuse_replaced_session AFTER INSERT ON sessions
WHEN NEW.rowid < 1 OR EXISTS (SELECT 1 FROM conflicting_inserts WHERE table_name = 'sessions')
BEGIN
    SELECT RAISE(ABORT, 'REPLACE is refused on sessions: use UPDATE, or INSERT ... ON CONFLICT DO UPDATE');
END;

CREATE TRIGGER keyrack_refuse_overwritten_session BEFORE UPDATE OF id, sid, rowid, oid, _rowid_ ON sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE rowid <> OLD.rowid AND (id = NEW.id OR sid = NEW.sid OR rowid = NEW.rowid))
BEGIN
    SELECT RAISE(ABORT, 'another row of sessions has this key');
END;

CREATE TRIGGER keyrack_note_existing_user BEFORE INSERT ON users
WHEN EXISTS (SELECT 1 FROM users WHERE id = NEW.id OR lower(email) = lower(NEW.email) OR rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM conflicting_inserts WHERE table_name = 'users')
BEGIN
    DELETE FROM conflicting_inserts WHERE table_name = 'users';
    INSERT INTO conflicting_inserts (table_name)
    SELECT 'users'
    WHERE EXISTS (SELECT 1 FROM users WHERE id = NEW.id OR lower(email) = lower(NEW.email) OR rowid = NEW.rowid);
END;

CREATE TRIGGER keyrack_refuse_replaced_user AFTER INSERT ON users
WHEN NEW.rowid < 1 OR EXISTS (SELECT 1 FROM conflicting_inserts WHERE table_name = 'users')
BEGIN
    SELECT RAISE(ABORT, 'REPLACE is refused on users: use UPDATE, or INSERT ... ON CONFLICT DO UPDATE');
END;

CREATE TRIGGER keyrack_refuse_overwritten_user BEFORE UPDATE OF id, email, rowid, oid, _rowid_ ON users
WHEN EXISTS (
    SELECT 1 FROM users
    WHERE rowid <> OLD.rowid AND (id = NEW.id OR lower(email) = lower(NEW.email) OR rowid = NEW.rowid)
)
BEGIN
    SELECT RAISE(ABORT, 'another row of users has this key');
END;

CREATE TRIGGER keyrack_note_existing_setting BEFORE INSERT ON keyrack_settings
WHEN EXISTS (SELECT 1 FROM keyrack_settings WHERE name = NEW.name OR rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM conflicting_inserts WHERE table_name = 'keyrack_settings')
BEGIN
    DELETE FROM conflicting_inserts WHERE table_name = 'keyrack_settings';
    INSERT INTO conflicting_inserts (table_name)
    SELECT 'keyrack_settings' WHERE EXISTS (SELECT 1 FROM keyrack_settings WHERE name = NEW.name OR rowid = NEW.rowid);
END;

CREATE TRIGGER keyrack_refuse_replaced_setting AFTER INSERT ON keyrack_settings
WHEN NEW.rowid < 1 OR EXISTS (SELECT 1 FROM conflicting_inserts WHERE table_name = 'keyrack_settings')
BEGIN
    SELECT RAISE(ABORT, 'REPLACE is refused on keyrack_settings: use UPDATE, or INSERT ... ON CONFLICT DO UPDATE');
END;

CREATE TRIGGER keyrack_refuse_overwritten_setting BEFORE UPDATE OF name, rowid, oid, _rowid_ ON keyrack_settings
WHEN EXISTS (SELECT 1 FROM keyrack_settings WHERE rowid <> OLD.rowid AND (name = NEW.name OR rowid = NEW.rowid))
BEGIN
    SELECT RAISE(ABORT, 'another row of keyrack_settings has this key');
END;

-- Data may be replaced by data of the same sid, as an upsert does: the rules for inserted data are those for changed
-- data. Only by its rowid, data of another sid could be replaced.
CREATE TRIGGER keyrack_refuse_replaced_data BEFORE INSERT ON user_sessions
WHEN EXISTS (SELECT 1 FROM user_sessions WHERE rowid = NEW.rowid AND sid <> NEW.sid)
BEGIN
    SELECT RAISE(ABORT, 'REPLACE is refused on the rowid of user_sessions');
END;

-- BEFORE INSERT, a rowid that SQLite is to choose reads -1.
CREATE TRIGGER keyrack_refuse_data_rowid AFTER INSERT ON user_sessions
WHEN NEW.rowid < 1
BEGIN
    SELECT RAISE(ABORT, 'the rowids of user_sessions begin with 1');
END;

CREATE TRIGGER keyrack_refuse_overwritten_data BEFORE UPDATE OF sid, rowid, oid, _rowid_ ON user_sessions
WHEN EXISTS (SELECT 1 FROM user_sessions WHERE rowid <> OLD.rowid AND (sid = NEW.sid OR rowid = NEW.rowid))
BEGIN
    SELECT RAISE(ABORT, 'another row of user_sessions has this key');
END;
