-- The passkeys of users (WebAuthn).
CREATE TABLE passkeys (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- How the authenticator names it: base64url without padding.
    credential_id TEXT NOT NULL,
    -- The host that it was made for. Browsers offer it on no other one.
    rp_id TEXT NOT NULL,
    -- The public key, as webauthn-rs writes it: JSON.
    public_key TEXT NOT NULL,
    -- What its user calls it.
    name TEXT NOT NULL,
    -- The model of the authenticator; all zeros if it does not say.
    aaguid TEXT NOT NULL,
    -- How browsers reach it, separated by blanks. Only a hint for them.
    transports TEXT NOT NULL,
    -- The number of signatures that the authenticator has counted; 0 if it counts none.
    counter INTEGER NOT NULL,
    -- Whether it may be on more than one device, and whether it is.
    backup_eligible BOOLEAN NOT NULL,
    backed_up BOOLEAN NOT NULL,
    created_at TEXT NOT NULL,
    -- The session in which it was added. Not a foreign key: the history of that session may be deleted.
    session_id TEXT NOT NULL,
    -- When it was used last. NULL until then.
    last_used_at TEXT,
    -- When the challenge was made that it answered last: it answers no earlier one, nor the same one again.
    challenged_at TEXT NOT NULL,
    -- The form that sent that answer: a form that is sent twice is answered twice.
    last_form TEXT NOT NULL,
    -- When an answer was refused whose counter was not higher than the last one, which a copy may have made.
    copied_at TEXT
);

CREATE UNIQUE INDEX passkeys_credential_id_key ON passkeys (credential_id);
CREATE INDEX passkeys_by_user ON passkeys (user_id);
