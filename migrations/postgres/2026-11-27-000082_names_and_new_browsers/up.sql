-- What its owner calls the session. NULL in sessions without a name.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS name text;

-- Whether the account, which knew others or had signed in before, did not know the browser of the sign-in.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS from_new_browser boolean NOT NULL DEFAULT false;
