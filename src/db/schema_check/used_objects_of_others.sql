-- Triggers, constraints, defaults and indexes of Keyrack's tables that use an operator or a function of another role: it
-- was there when they were created, and fitted their types. It runs with the rights of each role that writes. One
-- sentence per row. Objects of PostgreSQL itself have no dependencies.
WITH relation AS (
    SELECT c.oid, c.relname, c.relowner
    FROM unnest(ARRAY[
        'users', 'sessions', 'user_sessions', 'replaced_sids', 'ended_sids', 'ends_for_journal', 'keyrack_settings',
        'sign_in_failures', 'known_browsers', 'one_time_passwords', 'security_events'
    ]) AS t (name)
    JOIN pg_class AS c ON c.oid = to_regclass(t.name)
), part AS (
    SELECT 'pg_trigger'::regclass AS class, pg_trigger.oid, format('the trigger %I on %I', tgname, relname) AS name,
        relowner
    FROM pg_trigger JOIN relation ON tgrelid = relation.oid
    UNION ALL
    SELECT 'pg_constraint'::regclass, pg_constraint.oid, format('the constraint %I of %I', conname, relname), relowner
    FROM pg_constraint JOIN relation ON conrelid = relation.oid
    UNION ALL
    SELECT 'pg_attrdef'::regclass, pg_attrdef.oid, format('a default of %I', relname), relowner
    FROM pg_attrdef JOIN relation ON adrelid = relation.oid
    UNION ALL
    SELECT 'pg_class'::regclass, indexrelid, format('the index %s', indexrelid::regclass), relowner
    FROM pg_index JOIN relation ON indrelid = relation.oid
), object AS (
    SELECT 'pg_operator'::regclass AS class, oid, oprowner AS owner, format('the operator %s', oid::regoperator) AS name
    FROM pg_operator
    UNION ALL
    SELECT 'pg_proc'::regclass, oid, proowner, format('the function %s', oid::regprocedure) FROM pg_proc
)
SELECT DISTINCT format(
    '%s uses %s of the role %s, which runs with the rights of each role that writes: create it again without that, and '
    'drop what it uses', part.name, object.name, quote_ident(rolname)
) AS name
FROM part
JOIN pg_depend ON classid = part.class AND objid = part.oid AND deptype IN ('n', 'a')
JOIN object ON object.class = refclassid AND object.oid = refobjid
JOIN pg_roles ON pg_roles.oid = owner
WHERE NOT rolsuper AND rolname <> current_user AND owner <> relowner AND NOT EXISTS (
    SELECT FROM pg_depend AS member WHERE member.classid = object.class AND member.objid = object.oid AND deptype = 'e'
)
