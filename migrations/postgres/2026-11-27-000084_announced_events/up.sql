-- Wakes the instances when plain SQL, another application or a command has recorded an event, so that open pages learn of
-- it at once. What the instances record they announce themselves after the commit: a transaction that notifies holds a lock
-- of the whole cluster until it is on the disk.
CREATE FUNCTION keyrack_announce_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_notify('keyrack_events', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER keyrack_announce_event AFTER INSERT ON security_events
    FOR EACH ROW WHEN (NEW.actor IN ('peer', 'command')) EXECUTE FUNCTION keyrack_announce_event();

SELECT keyrack_secure_functions();
