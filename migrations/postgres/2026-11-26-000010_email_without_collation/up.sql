-- Makes the unique index on email addresses independent of the database's collation. `lower(email)` depends on it: in a
-- Turkish database, lower('I') is 'ı', so that ILKER@EXAMPLE.COM and ilker@example.com were two users. With COLLATE "C",
-- `lower` changes ASCII letters only, as on SQLite; Keyrack itself writes addresses in lower case.
--
-- A view has no index; the one of the table behind it is its owner's. An imported table may have the index already,
-- built without blocking writers, and may use the name users_email_key for a constraint of its own.
DO $$
DECLARE
    schema CONSTANT oid := (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('users') AND relkind IN ('r', 'p'));
    is_keyracks_own CONSTANT boolean := EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('users') AND attname = 'email' AND atttypmod = 254 + 4
    );
    existing text;
    is_free boolean;
    name text := 'users_email_key';
BEGIN
    IF schema IS NULL THEN
        RETURN;
    END IF;
    IF is_keyracks_own THEN
        SELECT relname INTO existing FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = 'users'::regclass AND relname = name
            AND replace(pg_get_indexdef(indexrelid, 1, true), '"', '') = 'lower(email::text)'
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid);
        IF FOUND THEN
            EXECUTE format('DROP INDEX %s.%I', (SELECT quote_ident(nspname) FROM pg_namespace WHERE oid = schema), name);
        END IF;
    END IF;
    is_free := NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND relnamespace = schema);
    SELECT relname INTO existing FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = 'users'::regclass AND indisvalid AND indisunique AND indpred IS NULL AND indnkeyatts = 1
        AND replace(pg_get_indexdef(indexrelid, 1, true), '"', '') = 'lower(email::text COLLATE C)';
    IF FOUND THEN
        IF is_free AND existing = 'keyrack_' || name THEN
            EXECUTE format(
                'ALTER INDEX %s.%I RENAME TO %I',
                (SELECT quote_ident(nspname) FROM pg_namespace WHERE oid = schema), existing, name
            );
        END IF;
        RETURN;
    END IF;
    IF NOT is_free THEN
        name := 'users_email_without_collation_key';
    END IF;
    BEGIN
        EXECUTE format('CREATE UNIQUE INDEX %I ON users (lower(email::text COLLATE "C"))', name);
    EXCEPTION WHEN unique_violation THEN
        -- Two users whose addresses differ in case only, which the database's collation held apart. The lookup still
        -- needs an index; `keyrack doctor` names the users.
        EXECUTE format('CREATE INDEX %I ON users (lower(email::text COLLATE "C"))', name);
        RAISE WARNING 'two users have email addresses that differ in case only: run keyrack doctor';
    END;
END
$$;
