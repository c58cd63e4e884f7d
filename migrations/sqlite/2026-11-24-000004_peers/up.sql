-- The twin of the PostgreSQL migration, which lets the sessions follow what an Express peer does. It has no peer here: Express
-- shares PostgreSQL databases only. What it says of deleting holds for everybody.

-- 6. A session's row is never deleted while it is active: who does so ends the session, and the row stays as history.
DROP TRIGGER keyrack_keep_active_sessions;
CREATE TRIGGER keyrack_keep_active_sessions BEFORE DELETE ON sessions
WHEN OLD.status = 'active'
BEGIN
    UPDATE sessions
    SET status = 'logged_out', updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    WHERE id = OLD.id;
    SELECT RAISE(IGNORE);
END;

-- 7. With a user go their sessions, live and ended.
CREATE TRIGGER keyrack_forget_user BEFORE DELETE ON users
BEGIN
    UPDATE sessions
    SET status = 'logged_out', updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    WHERE user_id = OLD.id AND status = 'active';
    DELETE FROM sessions WHERE user_id = OLD.id;
END;

-- 8. The index by end holds what has ended, and nothing else.
DROP INDEX sessions_by_end;
CREATE INDEX sessions_by_end ON sessions (logged_out_at) WHERE logged_out_at IS NOT NULL;
