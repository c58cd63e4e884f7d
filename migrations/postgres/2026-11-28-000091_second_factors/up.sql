-- The authenticator apps of users (RFC 6238), one for each user.
CREATE TABLE totp_factors (
    user_id uuid PRIMARY KEY,
    -- The secret, encrypted with a key that is not in the database, for this user only.
    sealed_secret text NOT NULL,
    created_at timestamptz NOT NULL,
    -- The session in which it was added; NULL if that was at a sign-in. Not a foreign key: the history of that session
    -- may be deleted.
    session_id uuid,
    -- The time step of the code that was accepted last: it is not accepted again, nor is an earlier one.
    last_step bigint NOT NULL,
    -- The form that sent that code, and when: a form that is sent twice is answered twice.
    last_form text NOT NULL,
    last_used_at timestamptz NOT NULL
);

-- The recovery codes of users, each good for one sign-in.
CREATE TABLE recovery_codes (
    -- A hash with a key that is not in the database.
    code_hash text PRIMARY KEY,
    user_id uuid NOT NULL,
    -- Which key that was.
    key_id text NOT NULL,
    created_at timestamptz NOT NULL,
    -- When it was used, and the form that sent it; NULL until then.
    used_at timestamptz,
    used_by_form text
);

CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);

-- A foreign key can't reference a view; the purge deletes the rows of users that a view no longer has.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'users'::regclass AND relkind IN ('r', 'p')) THEN
        ALTER TABLE totp_factors
            ADD CONSTRAINT totp_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
        ALTER TABLE recovery_codes
            ADD CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
    END IF;
END
$$;
