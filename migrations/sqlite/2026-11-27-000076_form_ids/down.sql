DROP TRIGGER keyrack_refuse_overwritten_session;
DROP TRIGGER keyrack_note_existing_session;
DROP INDEX sessions_form_id_key;
ALTER TABLE sessions DROP COLUMN form_id;

CREATE TRIGGER keyrack_note_existing_session BEFORE INSERT ON sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id OR sid = NEW.sid OR rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM conflicting_inserts WHERE table_name = 'sessions')
BEGIN
    DELETE FROM conflicting_inserts WHERE table_name = 'sessions';
    INSERT INTO conflicting_inserts (table_name)
    SELECT 'sessions' WHERE EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id OR sid = NEW.sid OR rowid = NEW.rowid);
END;

CREATE TRIGGER keyrack_refuse_overwritten_session BEFORE UPDATE OF id, sid, rowid, oid, _rowid_ ON sessions
WHEN EXISTS (SELECT 1 FROM sessions WHERE rowid <> OLD.rowid AND (id = NEW.id OR sid = NEW.sid OR rowid = NEW.rowid))
BEGIN
    SELECT RAISE(ABORT, 'another row of sessions has this key');
END;
