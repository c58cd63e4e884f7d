-- Links that are good once, and for a limited time. Their tokens are derived from the secrets and the id. The hash here
-- proves a token without them, and is no token.
CREATE TABLE account_links (
    id uuid PRIMARY KEY,
    -- What it is good for.
    kind varchar(32) NOT NULL,
    user_id uuid NOT NULL,
    -- SHA-256 of the token, in hexadecimal.
    token_hash varchar(64) NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- When it was used. NULL until then.
    used_at timestamptz
);

-- A foreign key can't reference a view; the purge deletes the rows of users that a view no longer has.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'users'::regclass AND relkind IN ('r', 'p')) THEN
        ALTER TABLE account_links
            ADD CONSTRAINT account_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
    END IF;
END
$$;

CREATE INDEX account_links_by_user ON account_links (user_id);
CREATE INDEX account_links_by_time ON account_links (expires_at);
