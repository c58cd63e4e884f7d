-- CASCADE: the triggers are dropped with their functions.
DROP FUNCTION keyrack_record_account_deletion, keyrack_record_browser, keyrack_record_deletion, keyrack_record_end,
    keyrack_record_start, keyrack_keep_all_events, keyrack_keep_recent_events, keyrack_keep_events CASCADE;
DROP TABLE security_events;
ALTER TABLE sessions DROP COLUMN authorised_by, DROP COLUMN ended_by, DROP COLUMN ended_by_name, DROP COLUMN ended_from;
