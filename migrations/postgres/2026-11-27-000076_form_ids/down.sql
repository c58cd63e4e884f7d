DROP INDEX sessions_form_id_key;
ALTER TABLE sessions DROP COLUMN form_id;
