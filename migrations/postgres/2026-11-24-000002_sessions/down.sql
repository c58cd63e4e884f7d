DROP TABLE user_sessions;
DROP TABLE replaced_sids;
DROP TABLE sessions;
