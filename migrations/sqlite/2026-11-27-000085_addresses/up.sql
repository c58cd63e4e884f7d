-- The address of the latest activity, if a session was used from another network than that of its sign-in, which stays in
-- ip_address.
ALTER TABLE sessions ADD COLUMN last_ip_address TEXT;

-- All addresses that it was used from, the latest first, as JSON: at most 20, each with the times of its first and last use.
-- NULL as long as there was one only. It is one text, because nothing is searched or decided by its parts, and the row's
-- lock, its deletion and its copies cover it.
ALTER TABLE sessions ADD COLUMN addresses TEXT;
