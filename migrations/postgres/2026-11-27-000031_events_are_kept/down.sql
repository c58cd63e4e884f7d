DROP TRIGGER keyrack_record_all_settings ON keyrack_settings;
DROP TRIGGER keyrack_record_setting ON keyrack_settings;
DROP FUNCTION keyrack_record_all_settings, keyrack_record_setting, keyrack_record_value;

CREATE OR REPLACE FUNCTION keyrack_keep_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.transaction_id = 0
        AND (NEW.id, NEW.at, NEW.kind, NEW.user_id, NEW.session_id, NEW.actor, NEW.ip_address, NEW.detail::text)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.at, OLD.kind, OLD.user_id, OLD.session_id, OLD.actor, OLD.ip_address, OLD.detail::text)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'security events are never changed' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE OR REPLACE FUNCTION keyrack_keep_recent_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    retention CONSTANT double precision := coalesce(
        (SELECT value FROM keyrack_settings WHERE name = 'events_retention_seconds')::double precision, 180 * 86400
    );
BEGIN
    IF OLD.at > now() - make_interval(secs => retention) THEN
        RAISE EXCEPTION 'security events are kept for % seconds', retention USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

SELECT keyrack_secure_functions();
DROP FUNCTION keyrack_retention_of_event, keyrack_retention_seconds;
DROP INDEX security_events_of_settings, security_events_by_time;
