-- Foreign keys of other tables that keep a row of a session from being deleted or getting another sid: such a session
-- could not be ended. One sentence per row.
SELECT format(
    'the constraint %1$I of %2$s, a table of the role %3$s, keeps rows of %4$s from being changed or deleted, so that a '
    'session could not be ended: run ALTER TABLE %2$s DROP CONSTRAINT %1$I, and REVOKE REFERENCES ON %4$s FROM %3$s',
    conname, conrelid::regclass, quote_ident(rolname), qualified
) AS name
FROM relation
JOIN pg_constraint ON confrelid = relation.oid AND contype = 'f'
JOIN pg_class ON pg_class.oid = conrelid
JOIN pg_roles ON pg_roles.oid = pg_class.relowner
WHERE relation.relname <> 'users' AND conrelid NOT IN (SELECT oid FROM relation)
    AND (confdeltype IN ('a', 'r') OR confupdtype IN ('a', 'r'))
ORDER BY name
