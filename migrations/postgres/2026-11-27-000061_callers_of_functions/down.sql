-- Nothing to undo: an earlier version needs none of these rights.
SELECT 1;
