DROP TRIGGER keyrack_announce_event ON security_events;
DROP FUNCTION keyrack_announce_event();
