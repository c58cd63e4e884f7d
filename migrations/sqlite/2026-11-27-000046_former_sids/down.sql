ALTER TABLE replaced_sids DROP COLUMN replaced_at;
