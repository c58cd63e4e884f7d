-- The language of the pages at the browser's last sign-in, in which mails are written that no page asks for; NULL if an
-- earlier version has noted the browser.
ALTER TABLE known_browsers ADD COLUMN IF NOT EXISTS language text;
