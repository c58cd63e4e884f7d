-- CASCADE: the triggers are dropped with their functions.
DROP FUNCTION keyrack_keep_end_of_deleted CASCADE;
DROP FUNCTION keyrack_keep_ends_of_all CASCADE;
DROP FUNCTION keyrack_keep_end_of_expired CASCADE;
DROP TABLE ends_for_journal;
