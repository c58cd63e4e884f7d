-- Keeps out events that Keyrack can't read, or not in their place. The types of the columns refuse most of what SQLite
-- needs triggers for.
--
-- An id below 1 comes before all others, and JavaScript can't read one above 2^53. A time of infinity is in no order with
-- others, and a detail with \u0000 makes each rule fail that reads it, so that nothing can be deleted. The constraint
-- stays unchecked for the events that are there already, if some of them break it: none can be changed.
ALTER TABLE security_events ADD CONSTRAINT security_events_are_readable CHECK (
    id BETWEEN 1 AND 9007199254740991 AND transaction_id >= 0 AND isfinite(at) AND kind ~ '^[a-z0-9_]+$'
    AND jsonb_typeof(detail::jsonb) = 'object'
) NOT VALID;

DO $$
BEGIN
    ALTER TABLE security_events VALIDATE CONSTRAINT security_events_are_readable;
EXCEPTION
    WHEN check_violation OR untranslatable_character OR invalid_text_representation THEN
        NULL;
END
$$;
