DROP TRIGGER keyrack_end_before_enable;
DROP TRIGGER keyrack_follow_user;
