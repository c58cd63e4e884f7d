DROP TRIGGER keyrack_refuse_data_of_ended;
CREATE TRIGGER keyrack_refuse_data_of_ended BEFORE INSERT ON user_sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE sid = NEW.sid AND status = 'logged_out')
    OR EXISTS (SELECT 1 FROM replaced_sids WHERE sid = NEW.sid)
BEGIN
    SELECT RAISE(IGNORE);
END;

DROP TRIGGER keyrack_remember_sids;
DROP TABLE ended_sids;
