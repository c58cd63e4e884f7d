-- The sign-in form that has started a session. A form that is sent twice finds by it the session that it has started.
-- NULL in sessions that no form has started, and in those that are older than this column.
--
-- The ids of sessions came from their forms before. A form that was sent again after the row of its session had been
-- deleted got an id that the journal of ends has as ended, and its session ended at the next start.
ALTER TABLE sessions ADD COLUMN form_id TEXT;

CREATE UNIQUE INDEX sessions_form_id_key ON sessions (form_id) WHERE form_id IS NOT NULL;

-- REPLACE would also delete the row that has the form of the new one.
DROP TRIGGER keyrack_note_existing_session;

CREATE TRIGGER keyrack_note_existing_session BEFORE INSERT ON sessions
WHEN EXISTS (
    SELECT 1 FROM sessions WHERE id = NEW.id OR sid = NEW.sid OR form_id = NEW.form_id OR rowid = NEW.rowid
)
    OR EXISTS (SELECT 1 FROM conflicting_inserts WHERE table_name = 'sessions')
BEGIN
    DELETE FROM conflicting_inserts WHERE table_name = 'sessions';
    INSERT INTO conflicting_inserts (table_name)
    SELECT 'sessions'
    WHERE EXISTS (
        SELECT 1 FROM sessions WHERE id = NEW.id OR sid = NEW.sid OR form_id = NEW.form_id OR rowid = NEW.rowid
    );
END;

DROP TRIGGER keyrack_refuse_overwritten_session;

CREATE TRIGGER keyrack_refuse_overwritten_session BEFORE UPDATE OF id, sid, form_id, rowid, oid, _rowid_ ON sessions
WHEN EXISTS (
    SELECT 1 FROM sessions
    WHERE rowid <> OLD.rowid AND (id = NEW.id OR sid = NEW.sid OR form_id = NEW.form_id OR rowid = NEW.rowid)
)
BEGIN
    SELECT RAISE(ABORT, 'another row of sessions has this key');
END;
