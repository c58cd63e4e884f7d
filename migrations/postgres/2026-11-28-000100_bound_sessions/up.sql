-- The public key of the browser that a session is bound to, as a JSON Web Key in the form of its thumbprint (RFC 7638). NULL
-- in sessions that are not bound.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS bound_key text;

-- From when requests without a proof of that key are refused. The end of the year 9999 until a request has shown that the
-- browser knows of it.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS bound_from timestamptz;

-- The mark of the challenge that the key has signed last: when that was made, or later, since it always rises. Each challenge
-- contains the mark as it was, so that it is accepted once.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS bound_challenge_at timestamptz;
