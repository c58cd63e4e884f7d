-- Ends that the instances can't read from `sessions`, for their journals of ends: of sessions whose rows were deleted,
-- and of those whose absolute expiry was moved to the past. A restored backup has their rows as they were before. A row
-- stays until its session would have expired, but for 400 days at most, since an instance may be stopped meanwhile.
CREATE TABLE ends_for_journal (
    session_id uuid PRIMARY KEY,
    end_reason varchar(32) NOT NULL,
    ended_at timestamptz NOT NULL,
    -- The absolute expiry that the session had.
    expires_at timestamptz NOT NULL,
    -- When the end enters the journals: at once, or a minute after a TRUNCATE.
    settles_at timestamptz NOT NULL,
    -- Whether a TRUNCATE deleted the row. It may be part of a restore: sessions that are alive a minute later stay.
    is_truncated boolean NOT NULL DEFAULT false
);

CREATE INDEX ends_for_journal_by_time ON ends_for_journal (settles_at);

-- Keeps the end of a session whose row is deleted within a day of it. Later, every instance that ran has read the end.
CREATE FUNCTION keyrack_keep_end_of_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := now();
BEGIN
    INSERT INTO ends_for_journal AS known (session_id, end_reason, ended_at, expires_at, settles_at)
    VALUES (
        OLD.id, left(coalesce(OLD.end_reason, 'signed_out'), 32), OLD.logged_out_at,
        least(OLD.expires_at, moment + interval '400 days'), moment
    )
    ON CONFLICT (session_id) DO UPDATE SET
        end_reason = excluded.end_reason, ended_at = excluded.ended_at,
        expires_at = greatest(known.expires_at, excluded.expires_at), settles_at = excluded.settles_at,
        is_truncated = false;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_keep_end_of_deleted AFTER DELETE ON sessions
    FOR EACH ROW WHEN (
        OLD.status = 'logged_out' AND OLD.expires_at > now() AND OLD.logged_out_at > now() - interval '1 day'
    )
    EXECUTE FUNCTION keyrack_keep_end_of_deleted();

-- Does the same for the sessions that a TRUNCATE deletes. TRUNCATE users CASCADE fires it too.
CREATE FUNCTION keyrack_keep_ends_of_all() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := now();
BEGIN
    INSERT INTO ends_for_journal (session_id, end_reason, ended_at, expires_at, settles_at, is_truncated)
    SELECT id, left(coalesce(end_reason, 'signed_out'), 32), coalesce(logged_out_at, moment),
        least(expires_at, moment + interval '400 days'), moment + interval '1 minute', true
    FROM sessions
    WHERE expires_at > moment AND (logged_out_at IS NULL OR logged_out_at > moment - interval '1 day')
    ON CONFLICT (session_id) DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_keep_ends_of_all BEFORE TRUNCATE ON sessions
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_keep_ends_of_all();

-- Does the same for a session that ends because its absolute expiry is moved to the past, whether or not the same
-- statement also changes its status.
CREATE FUNCTION keyrack_keep_end_of_expired() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := now();
BEGIN
    INSERT INTO ends_for_journal AS known (session_id, end_reason, ended_at, expires_at, settles_at)
    VALUES (
        NEW.id, left(coalesce(NEW.end_reason, 'absolute_timeout'), 32), coalesce(NEW.logged_out_at, moment),
        least(OLD.expires_at, moment + interval '400 days'), moment
    )
    ON CONFLICT (session_id) DO UPDATE SET
        expires_at = greatest(known.expires_at, excluded.expires_at), settles_at = excluded.settles_at,
        is_truncated = false;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_keep_end_of_expired AFTER UPDATE OF expires_at ON sessions
    FOR EACH ROW WHEN (NEW.expires_at <= now() AND OLD.expires_at > now())
    EXECUTE FUNCTION keyrack_keep_end_of_expired();

SELECT keyrack_secure_functions();
