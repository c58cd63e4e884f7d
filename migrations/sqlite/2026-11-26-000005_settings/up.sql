-- Settings that every instance and every trigger obeys, one per row.
--
-- peers      kept for the commands only: no other program's sessions are adopted on SQLite.
-- set_up_at  when the first user existed. From then on, the set-up page stays closed, even if `users` is emptied.
CREATE TABLE keyrack_settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

INSERT INTO keyrack_settings (name, value)
SELECT 'set_up_at', strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') WHERE EXISTS (SELECT 1 FROM users);

-- Records that there has been a user.
CREATE TRIGGER keyrack_record_set_up AFTER INSERT ON users
WHEN NOT EXISTS (SELECT 1 FROM keyrack_settings WHERE name = 'set_up_at')
BEGIN
    INSERT INTO keyrack_settings (name, value) VALUES ('set_up_at', strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'));
END;
