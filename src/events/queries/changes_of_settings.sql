-- The condition is a literal, as the index has it.
SELECT id, transaction_id, at, kind, user_id, session_id, actor, ip_address, detail
FROM security_events WHERE kind = 'setting_changed' ORDER BY id
