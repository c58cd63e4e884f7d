-- Sids of ended sessions whose history was deleted: they must not be used again as long as a cookie with one may exist.
CREATE TABLE ended_sids (
    sid TEXT NOT NULL PRIMARY KEY,
    forget_at TEXT NOT NULL
);

CREATE INDEX ended_sids_by_time ON ended_sids (forget_at);

-- Remembers the sids of an ended session whose row is deleted, until a day after its absolute expiry; a session without
-- one, for the 400 days for which browsers keep a cookie at most (RFC 6265bis).
CREATE TRIGGER keyrack_remember_sids BEFORE DELETE ON sessions
WHEN OLD.status = 'logged_out'
BEGIN
    INSERT INTO ended_sids (sid, forget_at)
    SELECT known.sid, known.until
    FROM (
        SELECT sid, CASE
            WHEN OLD.expires_at < '9999' THEN strftime('%Y-%m-%dT%H:%M:%f000Z', OLD.expires_at, '+1 day')
            ELSE strftime('%Y-%m-%dT%H:%M:%f000Z', coalesce(OLD.logged_out_at, 'now'), '+400 days')
        END AS until
        FROM (
            SELECT OLD.sid AS sid UNION SELECT replaced_sids.sid FROM replaced_sids WHERE session_id = OLD.id
        )
    ) AS known
    WHERE known.until > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    ON CONFLICT (sid) DO NOTHING;
END;

-- Keeps ended sessions ended: skips data rows for the sid of an ended session, and for a sid that must not be used
-- again.
DROP TRIGGER keyrack_refuse_data_of_ended;
CREATE TRIGGER keyrack_refuse_data_of_ended BEFORE INSERT ON user_sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE sid = NEW.sid AND status = 'logged_out')
    OR EXISTS (SELECT 1 FROM replaced_sids WHERE sid = NEW.sid)
    OR EXISTS (SELECT 1 FROM ended_sids WHERE sid = NEW.sid)
BEGIN
    SELECT RAISE(IGNORE);
END;
