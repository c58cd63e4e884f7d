-- Mails that wait for the mail server, and what became of the others. A row holds no secret: the sender derives the token of
-- a link anew at each attempt.
CREATE TABLE mails (
    id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL,
    -- The account that it is about, if there is one.
    user_id uuid,
    address text NOT NULL,
    -- Which words it has, what they are given, and in which language they are.
    kind varchar(32) NOT NULL,
    params json NOT NULL,
    language varchar(16) NOT NULL,
    -- account_links.id of the link in it. The link may be gone before the mail is.
    link_id uuid,
    attempts integer NOT NULL,
    -- Which process is sending it.
    attempt_id uuid,
    -- When it may be sent, or, while it is being sent, when another process may begin anew. NULL once it is sent or given up.
    next_attempt_at timestamptz,
    sent_at timestamptz,
    given_up_at timestamptz,
    -- Why the last attempt failed.
    last_error text
);

-- A foreign key can't reference a view; the purge deletes the rows of users that a view no longer has.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'users'::regclass AND relkind IN ('r', 'p')) THEN
        ALTER TABLE mails
            ADD CONSTRAINT mails_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
    END IF;
END
$$;

CREATE INDEX mails_due ON mails (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX mails_by_user ON mails (user_id);
CREATE INDEX mails_by_time ON mails (created_at);
