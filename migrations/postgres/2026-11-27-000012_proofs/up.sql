-- When the user of a session last proved in it who they are. NULL in sessions that other programs have started, and in
-- those that are older than this column: Keyrack asks for a proof before a sensitive change.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS authenticated_at timestamptz;
