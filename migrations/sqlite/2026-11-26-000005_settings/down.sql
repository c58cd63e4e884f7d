DROP TRIGGER keyrack_record_set_up;
DROP TABLE keyrack_settings;
