-- Addresses for which visitors want an account, and which nothing has proved yet. A proof creates the account. The row has
-- nothing else that a visitor has chosen: whoever reads the mails of the address may be another person.
CREATE TABLE registrations (
    id uuid PRIMARY KEY,
    address text NOT NULL,
    -- SHA-256 of the token, in hexadecimal.
    token_hash varchar(64) NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- When it was used. NULL until then.
    used_at timestamptz,
    -- When another one of its address was used.
    voided_at timestamptz
);

CREATE INDEX registrations_by_address ON registrations (address);
CREATE INDEX registrations_by_time ON registrations (expires_at);
