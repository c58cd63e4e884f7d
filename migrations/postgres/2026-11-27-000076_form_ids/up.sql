-- The sign-in form that has started a session. A form that is sent twice finds by it the session that it has started.
-- NULL in sessions that no form has started, and in those that are older than this column.
--
-- The ids of sessions came from their forms before. A form that was sent again after the row of its session had been
-- deleted got an id that the journals of ends have as ended, and its session ended at the next start.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS form_id uuid;

-- In a partitioned table, a unique key would have to contain the sid; there, a group commit looks for two rows itself.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'sessions'::regclass AND relkind = 'p') THEN
        CREATE INDEX IF NOT EXISTS sessions_form_id_key ON sessions (form_id) WHERE form_id IS NOT NULL;
    ELSE
        CREATE UNIQUE INDEX IF NOT EXISTS sessions_form_id_key ON sessions (form_id) WHERE form_id IS NOT NULL;
    END IF;
END
$$;
