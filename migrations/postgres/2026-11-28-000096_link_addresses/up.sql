-- The address that a link gives its account: the new one that was asked for, or the former one that it puts back.
ALTER TABLE account_links ADD COLUMN address text;

-- How many mails an address has got lately.
CREATE INDEX mails_by_address ON mails (address);
