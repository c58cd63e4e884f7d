DROP TRIGGER keyrack_keep_recent_events;
DROP TRIGGER keyrack_refuse_replaced_event;
DROP TRIGGER keyrack_refuse_event_id;
DROP TRIGGER keyrack_record_setting_inserted;
DROP TRIGGER keyrack_record_setting_updated;
DROP TRIGGER keyrack_record_setting_deleted;
DROP TRIGGER keyrack_note_existing_session;
DROP TRIGGER keyrack_refuse_replaced_session;
DROP TRIGGER keyrack_refuse_overwritten_session;
DROP TRIGGER keyrack_note_existing_user;
DROP TRIGGER keyrack_refuse_replaced_user;
DROP TRIGGER keyrack_refuse_overwritten_user;
DROP TRIGGER keyrack_note_existing_setting;
DROP TRIGGER keyrack_refuse_replaced_setting;
DROP TRIGGER keyrack_refuse_overwritten_setting;
DROP TRIGGER keyrack_refuse_replaced_data;
DROP TRIGGER keyrack_refuse_data_rowid;
DROP TRIGGER keyrack_refuse_overwritten_data;
DROP TABLE conflicting_inserts;

CREATE TRIGGER keyrack_keep_recent_events BEFORE DELETE ON security_events
WHEN OLD.at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || coalesce(
    (SELECT value FROM keyrack_settings WHERE name = 'events_retention_seconds'), 180 * 86400
) || ' seconds')
BEGIN
    SELECT RAISE(ABORT, 'security events are kept until their retention is over');
END;

DROP INDEX security_events_of_settings;
DROP INDEX security_events_by_time;
