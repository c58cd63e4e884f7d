-- Keeps the log of security events from being opened by a setting. The retention is a row of keyrack_settings, which a
-- plain UPDATE changes: until now, a lower one was a licence to delete all events.

-- Finds events by their time, for the purge.
CREATE INDEX security_events_by_time ON security_events (at);

-- Finds the changes of settings, of which the triggers read the former retentions.
CREATE INDEX security_events_of_settings ON security_events (id) WHERE kind = 'setting_changed';

-- Returns the seconds for which events are kept if the setting has this value: at least a day, and 180 days if there is
-- none or it is not a number.
CREATE FUNCTION keyrack_retention_seconds(value text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN value ~ '^[0-9]{1,10}$' THEN greatest(value::bigint, 86400) ELSE 15552000 END;
END
$$;

-- Returns the seconds for which the event of this id is kept: the longest retention since it was recorded. A retention
-- that is lowered holds for later events only. The changes are events themselves, and are kept as long.
CREATE FUNCTION keyrack_retention_of_event(event_id bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    of_now CONSTANT bigint := keyrack_retention_seconds(
        (SELECT value FROM keyrack_settings WHERE name = 'events_retention_seconds')
    );
    of_then CONSTANT bigint := (
        SELECT max(keyrack_retention_seconds(detail ->> 'from')) FROM security_events
        WHERE kind = 'setting_changed' AND id >= event_id AND detail ->> 'setting' = 'events_retention_seconds'
    );
BEGIN
    RETURN greatest(of_now, of_then);
END
$$;

-- Refuses to delete an event before its retention is over. The purge keeps the retention in the settings.
--
-- An event that is dated more than a day in the future was recorded by a clock that has been corrected since. It was
-- recorded before every event with a greater id, so its retention is over when that of such an event is.
CREATE OR REPLACE FUNCTION keyrack_keep_recent_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    retention CONSTANT bigint := keyrack_retention_of_event(OLD.id);
    kept_from CONSTANT timestamptz := now() - make_interval(secs => retention);
    tomorrow CONSTANT timestamptz := now() + interval '1 day';
BEGIN
    IF OLD.at > kept_from AND NOT (
        OLD.at > tomorrow AND EXISTS (SELECT FROM security_events WHERE id > OLD.id AND at <= kept_from)
    ) THEN
        RAISE EXCEPTION 'security events are kept for % seconds', retention USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

-- Refuses every change of an event, but that the number of another server's transaction becomes 0.
CREATE OR REPLACE FUNCTION keyrack_keep_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.transaction_id = 0
        AND OLD.transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        AND OLD.transaction_id <> pg_current_xact_id()::text::bigint
        AND (NEW.id, NEW.at, NEW.kind, NEW.user_id, NEW.session_id, NEW.actor, NEW.ip_address, NEW.detail::text)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.at, OLD.kind, OLD.user_id, OLD.session_id, OLD.actor, OLD.ip_address, OLD.detail::text)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'security events are never changed' USING ERRCODE = 'restrict_violation';
END
$$;

-- Records that a setting was changed, unless the program that changed it has just recorded it. NULL stands for one
-- that does not exist. Settings with which Keyrack notes its own progress are left out.
--
-- A program's own event must be the newest one and tell the former value: retentions before it are read from it.
CREATE FUNCTION keyrack_record_value(setting text, former text, latter text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    value_from text := former;
    value_to text := latter;
    this_transaction CONSTANT bigint := pg_current_xact_id()::text::bigint;
BEGIN
    IF setting = 'events_retention_seconds' THEN
        value_from := keyrack_retention_seconds(former)::text;
        value_to := coalesce(latter, keyrack_retention_seconds(NULL)::text);
    ELSIF setting = 'peers' THEN
        value_from := coalesce(former, 'none');
        value_to := coalesce(latter, 'none');
    ELSIF setting <> 'set_up_at' OR former IS NULL THEN
        RETURN;
    END IF;
    IF coalesce(value_from = value_to, false) OR EXISTS (
        SELECT FROM security_events
        WHERE transaction_id = this_transaction AND kind = 'setting_changed' AND detail ->> 'setting' = setting
            AND detail ->> 'from' = value_from AND detail ->> 'to' = value_to
            AND id = (SELECT max(id) FROM security_events)
    ) THEN
        RETURN;
    END IF;
    INSERT INTO security_events (kind, actor, detail)
    VALUES ('setting_changed', 'peer', json_strip_nulls(json_build_object(
        'setting', setting, 'from', left(value_from, 64), 'to', left(value_to, 64), 'database_role', session_user::text
    )));
END
$$;

-- Records changes of settings, also those by plain SQL.
CREATE FUNCTION keyrack_record_setting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.name = NEW.name THEN
        PERFORM keyrack_record_value(NEW.name::text, OLD.value, NEW.value);
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM keyrack_record_value(OLD.name::text, OLD.value, NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM keyrack_record_value(NEW.name::text, NULL, NEW.value);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_record_setting AFTER INSERT OR UPDATE OR DELETE ON keyrack_settings
    FOR EACH ROW EXECUTE FUNCTION keyrack_record_setting();

-- TRUNCATE fires no row triggers. It is therefore a DELETE first, which records the changes.
CREATE FUNCTION keyrack_record_all_settings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM keyrack_settings;
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_record_all_settings BEFORE TRUNCATE ON keyrack_settings
    FOR EACH STATEMENT EXECUTE FUNCTION keyrack_record_all_settings();

SELECT keyrack_secure_functions();
