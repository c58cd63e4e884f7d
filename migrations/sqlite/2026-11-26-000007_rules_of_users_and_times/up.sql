-- Rules about users, on SQLite. Times outside the years 0 to 9999 need none: they are rejected as text that is no time.

-- Brings a change of a user's address or role into the data of their live sessions, each where it has the old value.
CREATE TRIGGER keyrack_follow_user AFTER UPDATE OF email, role ON users
WHEN OLD.email IS NOT NEW.email OR OLD.role IS NOT NEW.role
BEGIN
    UPDATE user_sessions
    SET sess = json_set(sess, '$.email', NEW.email)
    WHERE sid IN (SELECT sid FROM sessions WHERE user_id = NEW.id AND status = 'active')
        AND CASE WHEN json_valid(sess) THEN json_extract(sess, '$.email') = OLD.email END;
    UPDATE user_sessions
    SET sess = json_set(sess, '$.role', NEW.role)
    WHERE sid IN (SELECT sid FROM sessions WHERE user_id = NEW.id AND status = 'active')
        AND CASE WHEN json_valid(sess) THEN json_extract(sess, '$.role') = OLD.role END;
END;

-- Ends the sessions that a disabled user still has when they are enabled again.
CREATE TRIGGER keyrack_end_before_enable AFTER UPDATE OF disabled_at ON users
WHEN OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS NULL
BEGIN
    UPDATE sessions
    SET status = 'logged_out',
        end_reason = 'account_disabled',
        updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    WHERE user_id = NEW.id AND status = 'active';
END;
