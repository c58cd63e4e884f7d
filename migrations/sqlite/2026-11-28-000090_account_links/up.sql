-- Links that are good once, and for a limited time. Their tokens are derived from the secrets and the id. The hash here
-- proves a token without them, and is no token.
CREATE TABLE account_links (
    id TEXT NOT NULL PRIMARY KEY,
    -- What it is good for.
    kind TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of the token, in hexadecimal.
    token_hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    -- When it was used. NULL until then.
    used_at TEXT
);

CREATE INDEX account_links_by_user ON account_links (user_id);
CREATE INDEX account_links_by_time ON account_links (expires_at);
