-- Triggers, rules, policies, constraints, defaults and indexes of Keyrack's tables that use an operator or a function of
-- a role which isn't trusted. They run with the rights of each role that reads or writes the table. One sentence per row,
-- and whether the table is Keyrack's alone. Objects of PostgreSQL itself have no dependencies.
, part AS (
    SELECT 'pg_trigger'::regclass AS class, pg_trigger.oid, format('the trigger %I on %I', tgname, relname) AS name,
        is_own
    FROM pg_trigger JOIN relation ON tgrelid = relation.oid
    UNION ALL
    SELECT 'pg_rewrite'::regclass, pg_rewrite.oid, format('the rule %I on %I', rulename, relname), is_own
    FROM pg_rewrite JOIN relation ON ev_class = relation.oid
    UNION ALL
    SELECT 'pg_policy'::regclass, pg_policy.oid, format('the policy %I on %I', polname, relname), is_own
    FROM pg_policy JOIN relation ON polrelid = relation.oid
    UNION ALL
    SELECT 'pg_constraint'::regclass, pg_constraint.oid, format('the constraint %I of %I', conname, relname), is_own
    FROM pg_constraint JOIN relation ON conrelid = relation.oid
    UNION ALL
    SELECT 'pg_attrdef'::regclass, pg_attrdef.oid, format('a default of %I', relname), is_own
    FROM pg_attrdef JOIN relation ON adrelid = relation.oid
    UNION ALL
    SELECT 'pg_class'::regclass, indexrelid, format('the index %s', indexrelid::regclass), is_own
    FROM pg_index JOIN relation ON indrelid = relation.oid
), object AS (
    SELECT 'pg_operator'::regclass AS class, oid, oprowner AS owner, format('the operator %s', oid::regoperator) AS name
    FROM pg_operator
    UNION ALL
    SELECT 'pg_proc'::regclass, oid, proowner, format('the function %s', oid::regprocedure) FROM pg_proc
)
SELECT DISTINCT is_own, format(
    '%s uses %s of the role %s, which runs with the rights of each role that writes: create it again without that, and '
    'drop what it uses', part.name, object.name, quote_ident(rolname)
) AS name
FROM part
JOIN pg_depend ON classid = part.class AND objid = part.oid AND deptype IN ('n', 'a')
JOIN object ON object.class = refclassid AND object.oid = refobjid
JOIN pg_roles ON pg_roles.oid = owner
WHERE owner NOT IN (SELECT role FROM trusted)
ORDER BY name
