-- Nothing to undo: the functions do the same with qualified names, and an earlier version leaves them as they are.
SELECT 1;
