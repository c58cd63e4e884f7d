ALTER TABLE sessions DROP COLUMN bound_challenge_at;
ALTER TABLE sessions DROP COLUMN bound_from;
ALTER TABLE sessions DROP COLUMN bound_key;
