-- The running instances, each named by its journal of ends, and the history to which it has applied that journal. After
-- a failover or a restored backup, an instance waits here for the others. SQLite has no such table: one file has one
-- journal.
CREATE TABLE keyrack_instances (
    id uuid PRIMARY KEY,
    history text NOT NULL,
    seen_at timestamptz NOT NULL
);
