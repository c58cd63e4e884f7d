-- The authenticator apps of users (RFC 6238), one for each user.
CREATE TABLE totp_factors (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- The secret, encrypted with a key that is not in the database, for this user only.
    sealed_secret TEXT NOT NULL,
    created_at TEXT NOT NULL,
    -- The session in which it was added; NULL if that was at a sign-in. Not a foreign key: the history of that session
    -- may be deleted.
    session_id TEXT,
    -- The time step of the code that was accepted last: it is not accepted again, nor is an earlier one.
    last_step INTEGER NOT NULL,
    -- The form that sent that code, and when: a form that is sent twice is answered twice.
    last_form TEXT NOT NULL,
    last_used_at TEXT NOT NULL
);

-- The recovery codes of users, each good for one sign-in.
CREATE TABLE recovery_codes (
    -- A hash with a key that is not in the database.
    code_hash TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Which key that was.
    key_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    -- When it was used, and the form that sent it; NULL until then.
    used_at TEXT,
    used_by_form TEXT
);

CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);
