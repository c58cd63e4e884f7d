-- The plan of docs/scale.md: partitions the tables of a Keyrack database by the hash of the sid.
-- Stop every instance and peer, then run it on a migrated database in one transaction:
--     psql -1 -v ON_ERROR_STOP=1 -f docs/partitions.sql
-- Privileges that were granted on the two tables have to be granted again.

LOCK TABLE users, sessions, replaced_sids, user_sessions IN ACCESS EXCLUSIVE MODE;

-- 1. The data. Its primary key is the sid already, so only the storage changes.
CREATE TABLE user_sessions_parts (LIKE user_sessions) PARTITION BY HASH (sid);

DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format('CREATE TABLE user_sessions_%s PARTITION OF user_sessions_parts '
            'FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            part, part);
    END LOOP;
END
$$;

INSERT INTO user_sessions_parts SELECT * FROM user_sessions;
DROP TABLE user_sessions;
ALTER TABLE user_sessions_parts RENAME TO user_sessions;
ALTER TABLE user_sessions ADD CONSTRAINT session_pkey PRIMARY KEY (sid);
CREATE INDEX "IDX_session_expire" ON user_sessions (expire);

CREATE TRIGGER keyrack_refuse_data_of_ended BEFORE INSERT ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_refuse_data_of_ended();
CREATE TRIGGER keyrack_remove_data_of_dead_sid AFTER INSERT ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_remove_data_of_dead_sid();
CREATE TRIGGER keyrack_freeze_data_of_ended BEFORE UPDATE ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_freeze_data_of_ended();
CREATE TRIGGER keyrack_end_without_data AFTER DELETE ON user_sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_end_without_data();
CREATE TRIGGER keyrack_end_without_all_data BEFORE TRUNCATE ON user_sessions
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_end_without_all_data();

-- 2. The sessions. A unique key must contain the sid. From here on ids are unique only because they are random, and no
--    foreign key can reference them.
ALTER TABLE replaced_sids DROP CONSTRAINT replaced_sids_session_id_fkey;
CREATE TABLE sessions_parts (LIKE sessions INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY HASH (sid);

DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format('CREATE TABLE sessions_%s PARTITION OF sessions_parts '
            'FOR VALUES WITH (MODULUS 16, REMAINDER %s) WITH (fillfactor = 85)',
            part, part);
    END LOOP;
END
$$;

INSERT INTO sessions_parts SELECT * FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_parts RENAME TO sessions;
ALTER TABLE sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id, sid), ADD CONSTRAINT sessions_sid_key UNIQUE (sid),
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);
CREATE INDEX sessions_form_id_key ON sessions (form_id) WHERE form_id IS NOT NULL;
CREATE INDEX sessions_by_user ON sessions (user_id, status, logged_out_at, id);
CREATE INDEX sessions_by_end ON sessions (logged_out_at) WHERE logged_out_at IS NOT NULL;

CREATE TRIGGER keyrack_complete_end BEFORE UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION keyrack_complete_end();
CREATE TRIGGER keyrack_remove_data_of_ended AFTER UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status = 'logged_out' AND NOT NEW.data_kept)
    EXECUTE FUNCTION keyrack_remove_data_of_ended();
CREATE TRIGGER keyrack_forget_known_browser AFTER UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.end_reason IN ('revoked', 'revoked_by_admin'))
    EXECUTE FUNCTION keyrack_forget_known_browser();
CREATE TRIGGER keyrack_prefer_row_of_peer BEFORE INSERT ON sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_prefer_row_of_peer();
CREATE TRIGGER keyrack_remember_sids BEFORE DELETE ON sessions
    FOR EACH ROW WHEN (OLD.status = 'logged_out') EXECUTE FUNCTION keyrack_remember_sids();
CREATE TRIGGER keyrack_remember_all_sids BEFORE TRUNCATE ON sessions
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_remember_all_sids();
CREATE TRIGGER keyrack_keep_end_of_deleted AFTER DELETE ON sessions
    FOR EACH ROW WHEN (
        OLD.status = 'logged_out' AND OLD.expires_at > now() AND OLD.logged_out_at > now() - interval '1 day'
    )
    EXECUTE FUNCTION keyrack_keep_end_of_deleted();
CREATE TRIGGER keyrack_keep_ends_of_all BEFORE TRUNCATE ON sessions
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_keep_ends_of_all();
CREATE TRIGGER keyrack_keep_end_of_expired AFTER UPDATE OF expires_at ON sessions
    FOR EACH ROW WHEN (NEW.expires_at <= now() AND OLD.expires_at > now())
    EXECUTE FUNCTION keyrack_keep_end_of_expired();
CREATE TRIGGER keyrack_record_start AFTER INSERT ON sessions REFERENCING NEW TABLE AS started
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_record_start();
CREATE TRIGGER keyrack_record_end AFTER UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status = 'logged_out') EXECUTE FUNCTION keyrack_record_end();
CREATE TRIGGER keyrack_record_deletion AFTER DELETE ON sessions REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_record_deletion();
CREATE TRIGGER keyrack_clamp_times
    BEFORE INSERT OR UPDATE OF expires_at, created_at, updated_at, last_seen_at, logged_out_at ON sessions
    FOR EACH ROW
    WHEN (
        greatest(NEW.expires_at, NEW.created_at, NEW.updated_at, NEW.last_seen_at, NEW.logged_out_at)
            > '9999-12-31 23:59:59.999999+00'
        OR least(NEW.expires_at, NEW.created_at, NEW.updated_at, NEW.last_seen_at, NEW.logged_out_at)
            < '0001-01-01 00:00:00+00'
    )
    EXECUTE FUNCTION keyrack_clamp_times();

-- A new sid may move a row to another partition, which triggers see as a DELETE and an INSERT. An AFTER trigger can
-- tell whether the row was deleted or moved. It also deletes from `replaced_sids`, as the foreign key did.
CREATE OR REPLACE FUNCTION keyrack_keep_active_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM sessions WHERE id = OLD.id) THEN
        RETURN NULL;
    END IF;
    IF OLD.status = 'active' AND pg_trigger_depth() = 1 THEN
        RAISE EXCEPTION 'session % is active: end it before deleting its row', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    DELETE FROM replaced_sids WHERE session_id = OLD.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_keep_active_sessions AFTER DELETE ON sessions
    FOR EACH ROW EXECUTE FUNCTION keyrack_keep_active_sessions();

SELECT keyrack_secure_functions();
