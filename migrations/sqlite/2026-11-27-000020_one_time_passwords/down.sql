ALTER TABLE sessions DROP COLUMN must_change_password;
DROP TABLE one_time_passwords;
