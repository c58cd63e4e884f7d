-- Passwords that are good for one sign-in. An operator has set them, so their owner has to choose another one before
-- anything else.
CREATE TABLE one_time_passwords (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- users.password_changed_at of this password. A row with another time is about an earlier password and has no
    -- effect.
    password_changed_at TEXT NOT NULL,
    -- When it was used; NULL until then.
    used_at TEXT
);

-- Whether the user of a session has to change the password before the session is good for anything else.
ALTER TABLE sessions ADD COLUMN must_change_password BOOLEAN NOT NULL DEFAULT 0;
