-- users.password_changed_at when the link was made: it is good for no other password. NULL in links of earlier versions.
ALTER TABLE account_links ADD COLUMN password_changed_at timestamptz;
-- When it was made void without a new password.
ALTER TABLE account_links ADD COLUMN voided_at timestamptz;
-- The session in which it was asked for, if there was one. Without a foreign key: the purge removes sessions.
ALTER TABLE account_links ADD COLUMN session_id uuid;
-- Whose limit it counts for: "unknown" for all browsers that the account does not know, or "browser:" and the hash of one
-- that it knows. NULL if an operator made it.
ALTER TABLE account_links ADD COLUMN requested_by varchar(80);
