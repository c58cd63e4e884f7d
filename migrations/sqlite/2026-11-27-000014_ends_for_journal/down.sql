DROP TRIGGER keyrack_keep_end_of_deleted;
DROP TRIGGER keyrack_keep_end_of_expired;
DROP TABLE ends_for_journal;
