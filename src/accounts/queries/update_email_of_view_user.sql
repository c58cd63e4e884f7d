-- Brings the address of the user $1 from $2 to $3 in the data of their sessions, if users is a view, which has no triggers.
-- Their role $4 stays.
SELECT keyrack_update_data_of_user($1, $2, $3, $4, $4)
FROM pg_class WHERE oid = to_regclass('users') AND relkind = 'v'
