SELECT count(*)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relname = 'session' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND NOT attisdropped
    AND attname IN ('sid', 'sess', 'expire')
