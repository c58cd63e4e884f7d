-- Nothing: the history of a SQLite file is its `user_version`, and one file has one journal of ends.
SELECT 1;
