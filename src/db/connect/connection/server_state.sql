SELECT
    (SELECT source = 'client' FROM pg_settings WHERE name = 'application_name') AS is_direct,
    pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS is_read_only
