-- What the browser told of itself in client hints when it signed in, such as its model and the version of its system, in
-- at most 512 bytes. It is one text, because nothing is searched or decided by its parts: they only name the device, and
-- browsers add and drop hints from year to year. NULL where a browser has told nothing, as most do over plain HTTP.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS client_hints text;
