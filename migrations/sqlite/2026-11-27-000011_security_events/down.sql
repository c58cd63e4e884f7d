DROP TRIGGER keyrack_record_account_deletion;
DROP TRIGGER keyrack_record_browser;
DROP TRIGGER keyrack_record_end;
DROP TRIGGER keyrack_record_start;
DROP TABLE security_events;
ALTER TABLE sessions DROP COLUMN authorised_by;
ALTER TABLE sessions DROP COLUMN ended_by;
ALTER TABLE sessions DROP COLUMN ended_by_name;
ALTER TABLE sessions DROP COLUMN ended_from;
