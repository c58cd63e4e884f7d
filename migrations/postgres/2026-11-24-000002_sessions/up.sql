-- One row per signed-in device, kept as history after the session has ended.
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
    -- Keyrack's own columns. Each one is nullable or has a default, so that an INSERT that does not know them works.
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    end_reason varchar(32),
    remembered boolean NOT NULL DEFAULT false,
    data_kept boolean NOT NULL DEFAULT false
);

CREATE INDEX sessions_by_user ON sessions (user_id, status, logged_out_at, id);

-- Holds ended sessions only, so that no sign-in writes to it. No index starts with `status`: where few sessions were
-- active at the last ANALYZE, the planner prefers such an index to the one on `sid`, and then reads all sessions that
-- are active now.
CREATE INDEX sessions_by_end ON sessions (logged_out_at) WHERE logged_out_at IS NOT NULL;

-- Sids that must not be used again although no ended session has them: the former sids of rotated sessions, and the
-- sids of sessions that were locked when their data was deleted. They are deleted together with their session.
CREATE TABLE replaced_sids (
    sid varchar PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
);

CREATE INDEX replaced_sids_by_session ON replaced_sids (session_id);

-- The data of live sessions: exactly the table that connect-pg-simple creates.
CREATE TABLE user_sessions (
    sid varchar NOT NULL COLLATE "default",
    sess json NOT NULL,
    expire timestamp(6) NOT NULL,
    CONSTRAINT session_pkey PRIMARY KEY (sid)
);

CREATE INDEX "IDX_session_expire" ON user_sessions (expire);
