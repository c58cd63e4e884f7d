ALTER TABLE sessions DROP COLUMN addresses;
ALTER TABLE sessions DROP COLUMN last_ip_address;
