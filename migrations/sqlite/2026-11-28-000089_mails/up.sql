-- Mails that wait for the mail server, and what became of the others. A row holds no secret: the sender derives the token of
-- a link anew at each attempt.
CREATE TABLE mails (
    id TEXT NOT NULL PRIMARY KEY,
    created_at TEXT NOT NULL,
    -- The account that it is about, if there is one.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    -- Which words it has, what they are given, and in which language they are.
    kind TEXT NOT NULL,
    params TEXT NOT NULL,
    language TEXT NOT NULL,
    -- account_links.id of the link in it. The link may be gone before the mail is.
    link_id TEXT,
    attempts INTEGER NOT NULL,
    -- Which process is sending it.
    attempt_id TEXT,
    -- When it may be sent, or, while it is being sent, when another process may begin anew. NULL once it is sent or given up.
    next_attempt_at TEXT,
    sent_at TEXT,
    given_up_at TEXT,
    -- Why the last attempt failed.
    last_error TEXT
);

CREATE INDEX mails_due ON mails (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX mails_by_user ON mails (user_id);
CREATE INDEX mails_by_time ON mails (created_at);
