DROP INDEX mails_by_address;
ALTER TABLE account_links DROP COLUMN address;
