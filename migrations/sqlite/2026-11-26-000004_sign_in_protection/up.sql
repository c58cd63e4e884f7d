-- What protects sign-ins against guessing: counts of failed sign-ins, and the browsers that accounts know.

-- Counts of failed sign-ins. The key names what is counted: `account:` and a user's id, `browser:` and the hash of a
-- known browser, or `unknown:` or `network-…:` and the number of a bucket into which a keyed hash puts texts that name
-- no user, and client networks. Nothing that was typed is stored, and the buckets bound the rows.
CREATE TABLE sign_in_failures (
    key TEXT NOT NULL PRIMARY KEY,
    -- Failures since the last success.
    in_a_row INTEGER NOT NULL,
    last_failure_at TEXT NOT NULL,
    -- Each failure moves this further into the future, by a step of its kind: the distance from `last_failure_at`,
    -- divided by the step, is the number of failures that still count.
    forgotten_at TEXT NOT NULL
);

-- The browsers that have signed in to an account. The cookie holds a random id, of which the table has a hash only.
CREATE TABLE known_browsers (
    id_hash TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The session of the last sign-in. Not a foreign key: the browser stays known when that session's history is
    -- deleted.
    session_id TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    last_used_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
);

CREATE INDEX known_browsers_by_user ON known_browsers (user_id);
CREATE INDEX known_browsers_by_session ON known_browsers (session_id);

-- Forgets the browser of a session that its user or an administrator revoked.
CREATE TRIGGER keyrack_forget_known_browser AFTER UPDATE OF status ON sessions
WHEN OLD.status = 'active' AND NEW.end_reason IN ('revoked', 'revoked_by_admin')
BEGIN
    DELETE FROM known_browsers WHERE session_id = NEW.id;
END;
