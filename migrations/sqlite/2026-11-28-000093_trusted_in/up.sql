-- The session in which its user has trusted the browser; NULL if an earlier version has noted it. Not a foreign key: the
-- history of that session may be deleted.
ALTER TABLE known_browsers ADD COLUMN trusted_in TEXT;
