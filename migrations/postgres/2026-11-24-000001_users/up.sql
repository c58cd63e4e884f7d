-- The accounts that can sign in. Email addresses are unique, ignoring case.
CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email varchar(254) NOT NULL,
    user_name varchar(64),
    first_name varchar(64),
    last_name varchar(64),
    role varchar(16) NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    password_hash text,
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);

CREATE UNIQUE INDEX users_email_key ON users (lower(email));
