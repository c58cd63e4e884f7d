-- The sessions whose last proof was a passkey alone. Without a row, it was the password.
CREATE TABLE passkey_proofs (
    -- Not a foreign key, so that sessions can be partitioned. The purge deletes the rows of sessions that no longer exist.
    session_id uuid PRIMARY KEY,
    -- When that passkey was added. One that is new must not remove older ways in.
    passkey_added_at timestamptz NOT NULL
);
