-- `sessions`: one row a signed-in device, kept as history after its end.
CREATE TABLE sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    sid varchar NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES users (id),
    status varchar(16) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'logged_out')),
    ip_address varchar(45),
    user_agent text,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    logged_out_at timestamptz,
    -- Keyrack's own columns; each has a default, so that an INSERT which does not know them still works.
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    end_reason varchar(32),
    remembered boolean NOT NULL DEFAULT false,
    data_kept boolean NOT NULL DEFAULT false
);

CREATE INDEX sessions_by_user ON sessions (user_id, status, logged_out_at, id);
CREATE INDEX sessions_by_end ON sessions (status, logged_out_at);

-- Sids that are dead although no ended session has them: those that sessions had before a rotation, and those whose data
-- somebody removed while the session was locked. They go with their session's history.
CREATE TABLE replaced_sids (
    sid varchar PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
);

CREATE INDEX replaced_sids_by_session ON replaced_sids (session_id);

-- `user_sessions`: the data of live sessions, exactly the table that connect-pg-simple creates.
CREATE TABLE user_sessions (
    sid varchar NOT NULL COLLATE "default",
    sess json NOT NULL,
    expire timestamp(6) NOT NULL,
    CONSTRAINT session_pkey PRIMARY KEY (sid)
);

CREATE INDEX "IDX_session_expire" ON user_sessions (expire);
