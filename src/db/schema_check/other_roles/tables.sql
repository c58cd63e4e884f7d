-- What gives another role a say in Keyrack's tables, one sentence per row: a schema in which names are found before or
-- with the tables, a table that was there before Keyrack's, and rules, which only the owner of a table makes.
SELECT format(
    'the schema %1$I belongs to the role %2$s, and the search_path leads to it before, or for, Keyrack''s tables, so '
    'that %2$s could put its own in their place: name the schema of the tables in DATABASE_URL '
    '(options=-csearch_path%%3DNAME) and drop what was put into %1$I, or, if you trust the role, run ALTER SCHEMA %1$I '
    'OWNER TO %3$s, or GRANT %2$s TO %3$s', nspname, quote_ident(rolname), quote_ident(current_user)
) AS name
FROM path
JOIN pg_roles ON pg_roles.oid = nspowner
WHERE nspowner NOT IN (SELECT role FROM trusted) AND position <= greatest(
    (SELECT min(position) FROM path), (SELECT max(position) FROM relation)
)
UNION ALL
SELECT format(
    'the %1$s %2$s belongs to the role %3$s, not to Keyrack, and triggers and rules of it would run with Keyrack''s '
    'rights: find out what it holds, and run DROP %4$s %2$s, or, if you trust the role, connect as %3$s, or run GRANT '
    '%3$s TO %5$s', kind, qualified, quote_ident(rolname), upper(kind COLLATE "C"), quote_ident(current_user)
)
FROM (
    SELECT qualified, relowner, CASE relkind
        WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence'
        WHEN 'i' THEN 'index' WHEN 'c' THEN 'type' ELSE 'table'
    END AS kind
    FROM relation WHERE is_own
) AS own
JOIN pg_roles ON pg_roles.oid = relowner
WHERE relowner NOT IN (SELECT role FROM trusted)
UNION ALL
SELECT format(
    'the rule %1$I changes what statements on %2$s do, and Keyrack did not make it: run DROP RULE %1$I ON %2$s', rulename,
    qualified
)
FROM relation JOIN pg_rewrite ON ev_class = relation.oid
WHERE is_own AND relkind <> 'v'
