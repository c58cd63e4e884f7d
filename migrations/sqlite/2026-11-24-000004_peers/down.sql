DROP TRIGGER keyrack_forget_user;
DROP TRIGGER keyrack_keep_active_sessions;
CREATE TRIGGER keyrack_keep_active_sessions BEFORE DELETE ON sessions
WHEN OLD.status = 'active'
BEGIN
    SELECT RAISE(ABORT, 'the session is active: end it before deleting its row');
END;

DROP INDEX sessions_by_end;
CREATE INDEX sessions_by_end ON sessions (status, logged_out_at);
