-- The passkeys of users (WebAuthn).
CREATE TABLE passkeys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    -- How the authenticator names it: base64url without padding.
    credential_id text NOT NULL,
    -- The host that it was made for. Browsers offer it on no other one.
    rp_id varchar(253) NOT NULL,
    -- The public key, as webauthn-rs writes it: JSON.
    public_key text NOT NULL,
    -- What its user calls it.
    name varchar(64) NOT NULL,
    -- The model of the authenticator; all zeros if it does not say.
    aaguid varchar(36) NOT NULL,
    -- How browsers reach it, separated by blanks. Only a hint for them.
    transports varchar(100) NOT NULL,
    -- The number of signatures that the authenticator has counted; 0 if it counts none.
    counter bigint NOT NULL,
    -- Whether it may be on more than one device, and whether it is.
    backup_eligible boolean NOT NULL,
    backed_up boolean NOT NULL,
    created_at timestamptz NOT NULL,
    -- The session in which it was added. Not a foreign key: the history of that session may be deleted.
    session_id uuid NOT NULL,
    -- When it was used last. NULL until then.
    last_used_at timestamptz,
    -- When the challenge was made that it answered last: it answers no earlier one, nor the same one again.
    challenged_at timestamptz NOT NULL,
    -- The form that sent that answer: a form that is sent twice is answered twice.
    last_form text NOT NULL,
    -- When an answer was refused whose counter was not higher than the last one, which a copy may have made.
    copied_at timestamptz
);

CREATE UNIQUE INDEX passkeys_credential_id_key ON passkeys (credential_id);
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- A foreign key can't reference a view; the purge deletes the rows of users that a view no longer has.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'users'::regclass AND relkind IN ('r', 'p')) THEN
        ALTER TABLE passkeys
            ADD CONSTRAINT passkeys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
    END IF;
END
$$;
