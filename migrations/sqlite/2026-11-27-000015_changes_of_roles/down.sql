-- The trigger as it was before.
DROP TRIGGER keyrack_follow_user;
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
