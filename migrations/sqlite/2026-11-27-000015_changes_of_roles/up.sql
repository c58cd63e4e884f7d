-- Brings a change of a user's address or role into the data of their live sessions, each where it has the old value.
--
-- A user may have any number of sessions. `keyrack user set-role` changes the data of hundreds of them in batches, each
-- in a transaction of its own, and says so by a row in the settings, which stays until it is done.
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
    WHERE NOT EXISTS (
            SELECT 1 FROM keyrack_settings
            WHERE name = 'role_change:' || NEW.id AND value = OLD.role || ' -> ' || NEW.role
        )
        AND sid IN (SELECT sid FROM sessions WHERE user_id = NEW.id AND status = 'active')
        AND CASE WHEN json_valid(sess) THEN json_extract(sess, '$.role') = OLD.role END;
END;
