ALTER TABLE account_links DROP COLUMN requested_by;
ALTER TABLE account_links DROP COLUMN session_id;
ALTER TABLE account_links DROP COLUMN voided_at;
ALTER TABLE account_links DROP COLUMN password_changed_at;
