-- Brings the role of the user $1 from $3 to $4 in the data of their sessions, if users is a view, which has no triggers.
SELECT keyrack_update_data_of_user($1, $2, $2, $3, $4)
FROM pg_class WHERE oid = to_regclass('users') AND relkind = 'v'
