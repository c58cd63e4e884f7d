-- CASCADE: the triggers are dropped with their functions.
DROP FUNCTION
    keyrack_adopt,
    keyrack_complete_end,
    keyrack_end_without_data,
    keyrack_forget_user,
    keyrack_freeze_data_of_ended,
    keyrack_keep_active_sessions,
    keyrack_prefer_row_of_peer,
    keyrack_readable,
    keyrack_refuse_data_of_ended,
    keyrack_remove_data_of_dead_sid,
    keyrack_remove_data_of_ended,
    keyrack_user_of
    CASCADE;
