ALTER TABLE known_browsers DROP COLUMN trusted_in;
