-- Nothing to undo: without the cast, the functions do the same.
SELECT 1;
