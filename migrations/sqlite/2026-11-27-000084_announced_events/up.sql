-- SQLite has no notifications: a server polls for what other processes write to its file.
SELECT 1;
