-- What protects sign-ins against guessing: counts of failed sign-ins, and the browsers that accounts know.

-- Counts of failed sign-ins, shared by all instances. The key names what is counted: `account:` and a user's id,
-- `browser:` and the hash of a known browser, or `unknown:` or `network-…:` and the number of a bucket into which a keyed
-- hash puts texts that name no user, and client networks. Nothing that was typed is stored, and the buckets bound the
-- rows. COLLATE "C" makes prefixes comparable in every database.
CREATE TABLE sign_in_failures (
    key text COLLATE "C" PRIMARY KEY,
    -- Failures since the last success.
    in_a_row integer NOT NULL,
    last_failure_at timestamptz NOT NULL,
    -- Each failure moves this further into the future, by a step of its kind: the distance from `last_failure_at`,
    -- divided by the step, is the number of failures that still count.
    forgotten_at timestamptz NOT NULL
);

-- The browsers that have signed in to an account. The cookie holds a random id, of which the table has a hash only.
CREATE TABLE known_browsers (
    id_hash text PRIMARY KEY,
    user_id uuid NOT NULL,
    -- The session of the last sign-in. Not a foreign key: the browser stays known when that session's history is
    -- deleted.
    session_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX known_browsers_by_user ON known_browsers (user_id);
CREATE INDEX known_browsers_by_session ON known_browsers (session_id);

-- A foreign key can't reference a view; the purge deletes the browsers of users that a view no longer has.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'users'::regclass AND relkind IN ('r', 'p')) THEN
        ALTER TABLE known_browsers
            ADD CONSTRAINT known_browsers_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
    END IF;
END
$$;

-- Forgets the browser of a session that its user or an administrator revoked.
CREATE FUNCTION keyrack_forget_known_browser() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM known_browsers WHERE session_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_forget_known_browser AFTER UPDATE OF status ON sessions
    FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.end_reason IN ('revoked', 'revoked_by_admin'))
    EXECUTE FUNCTION keyrack_forget_known_browser();

-- Runs the function as its owner and with the current search_path, as those of the earlier migration.
DO $$
DECLARE
    path text := (SELECT string_agg(quote_ident(name), ', ') FROM unnest(current_schemas(false)) AS name);
BEGIN
    EXECUTE format(
        'ALTER FUNCTION keyrack_forget_known_browser() SECURITY DEFINER SET search_path = %s, pg_temp', path
    );
    REVOKE EXECUTE ON FUNCTION keyrack_forget_known_browser() FROM PUBLIC;
END
$$;
