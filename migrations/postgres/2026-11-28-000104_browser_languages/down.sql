ALTER TABLE known_browsers DROP COLUMN language;
