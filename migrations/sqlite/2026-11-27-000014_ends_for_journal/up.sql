-- Ends that a server can't read from `sessions`, for its journal of ends: of sessions whose rows were deleted, and of
-- those whose absolute expiry was moved to the past. A restored backup has their rows as they were before. A row stays
-- until its session would have expired, but for 400 days at most.
CREATE TABLE ends_for_journal (
    session_id TEXT NOT NULL PRIMARY KEY,
    end_reason TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    -- The absolute expiry that the session had.
    expires_at TEXT NOT NULL,
    -- When the end enters the journal: here always at once.
    settles_at TEXT NOT NULL,
    -- Always false: SQLite has no TRUNCATE.
    is_truncated BOOLEAN NOT NULL DEFAULT 0
);

CREATE INDEX ends_for_journal_by_time ON ends_for_journal (settles_at);

-- Keeps the end of a session whose row is deleted within a day of it. Later, the server has read the end.
CREATE TRIGGER keyrack_keep_end_of_deleted AFTER DELETE ON sessions
WHEN OLD.status = 'logged_out' AND OLD.expires_at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    AND OLD.logged_out_at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-1 day')
BEGIN
    INSERT INTO ends_for_journal (session_id, end_reason, ended_at, expires_at, settles_at)
    VALUES (
        OLD.id, coalesce(OLD.end_reason, 'signed_out'), OLD.logged_out_at,
        min(OLD.expires_at, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '+400 days')),
        strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    )
    ON CONFLICT (session_id) DO UPDATE SET
        end_reason = excluded.end_reason, ended_at = excluded.ended_at,
        expires_at = max(expires_at, excluded.expires_at), settles_at = excluded.settles_at;
END;

-- Does the same for a session that ends because its absolute expiry is moved to the past, whether or not the same
-- statement also changes its status.
CREATE TRIGGER keyrack_keep_end_of_expired AFTER UPDATE OF expires_at ON sessions
WHEN julianday(NEW.expires_at) <= julianday('now') AND julianday(OLD.expires_at) > julianday('now')
BEGIN
    INSERT INTO ends_for_journal (session_id, end_reason, ended_at, expires_at, settles_at)
    VALUES (
        NEW.id, coalesce(NEW.end_reason, 'absolute_timeout'),
        coalesce(NEW.logged_out_at, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
        min(OLD.expires_at, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '+400 days')),
        strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    )
    ON CONFLICT (session_id) DO UPDATE SET
        expires_at = max(expires_at, excluded.expires_at), settles_at = excluded.settles_at;
END;
