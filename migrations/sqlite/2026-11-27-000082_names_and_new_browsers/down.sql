ALTER TABLE sessions DROP COLUMN from_new_browser;
ALTER TABLE sessions DROP COLUMN name;
