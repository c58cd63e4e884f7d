-- When the user of a session last proved in it who they are. NULL in sessions that are older than this column: Keyrack
-- asks for a proof before a sensitive change.
ALTER TABLE sessions ADD COLUMN authenticated_at TEXT;

-- Rewrites a time of another format to the fixed width. Text that is not a time becomes NULL.
CREATE TRIGGER keyrack_widen_authenticated_at_inserted AFTER INSERT ON sessions
WHEN NEW.authenticated_at IS NOT NULL
    AND (length(NEW.authenticated_at) <> 27 OR julianday(NEW.authenticated_at) IS NULL)
BEGIN
    UPDATE sessions SET authenticated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', authenticated_at) WHERE id = NEW.id;
END;

CREATE TRIGGER keyrack_widen_authenticated_at_updated AFTER UPDATE OF authenticated_at ON sessions
WHEN NEW.authenticated_at IS NOT NULL
    AND (length(NEW.authenticated_at) <> 27 OR julianday(NEW.authenticated_at) IS NULL)
BEGIN
    UPDATE sessions SET authenticated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', authenticated_at) WHERE id = NEW.id;
END;
