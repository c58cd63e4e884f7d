-- What its owner calls the session. NULL in sessions without a name.
ALTER TABLE sessions ADD COLUMN name TEXT;

-- Whether the account, which knew others or had signed in before, did not know the browser of the sign-in.
ALTER TABLE sessions ADD COLUMN from_new_browser BOOLEAN NOT NULL DEFAULT 0;
