-- When a session got another sid in place of this one. NULL for a sid that no session ever had, such as one that a
-- browser presented at a sign-in, where another site may have planted it, and for those that were replaced before this
-- migration. Only forms that were opened under a sid of the session itself may sign it out.
ALTER TABLE replaced_sids ADD COLUMN replaced_at TEXT;
