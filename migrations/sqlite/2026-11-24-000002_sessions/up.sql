-- One row per signed-in device, kept as history after the session has ended.
-- Times are UTC text of a fixed width (`2026-01-29T11:50:14.000000Z`), so that they sort and compare as times.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY DEFAULT (
        lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
            || substr('89AB', 1 + (abs(random()) % 4), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))
    ),
    sid TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id),
    status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'logged_out')),
    ip_address TEXT,
    user_agent TEXT,
    expires_at TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    logged_out_at TEXT,
    -- Keyrack's own columns. Each one is nullable or has a default, so that an INSERT that does not know them works.
    last_seen_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    end_reason TEXT,
    remembered BOOLEAN NOT NULL DEFAULT 0,
    data_kept BOOLEAN NOT NULL DEFAULT 0
);

CREATE INDEX sessions_by_user ON sessions (user_id, status, logged_out_at, id);

-- Holds ended sessions only, so that no sign-in writes to it.
CREATE INDEX sessions_by_end ON sessions (logged_out_at) WHERE logged_out_at IS NOT NULL;

-- Sids that must not be used again although no ended session has them: the former sids of rotated sessions. They are
-- deleted together with their session.
CREATE TABLE replaced_sids (
    sid TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
);

CREATE INDEX replaced_sids_by_session ON replaced_sids (session_id);

-- The data of live sessions: the counterpart of the table that connect-pg-simple creates on PostgreSQL.
CREATE TABLE user_sessions (
    sid TEXT NOT NULL PRIMARY KEY,
    sess TEXT NOT NULL,
    expire TEXT NOT NULL
);

CREATE INDEX "IDX_session_expire" ON user_sessions (expire);
