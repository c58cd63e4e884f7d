SELECT count(*)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relname = 'session' AND relnamespace = current_schema()::regnamespace AND NOT attisdropped
    AND attname IN ('sid', 'sess', 'expire')
