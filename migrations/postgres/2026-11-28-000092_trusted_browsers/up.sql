-- Until when a known browser signs in without a second factor; NULL if it does not.
ALTER TABLE known_browsers ADD COLUMN IF NOT EXISTS trusted_until timestamptz;
