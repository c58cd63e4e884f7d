SELECT request.slot, account.*, one_time.is_used_up, browser.id_hash AS browser,
    EXISTS (SELECT FROM totp_factors WHERE totp_factors.user_id = account.id) AS has_second_factor, browser.trusted_until,
    failure.*
-- SELECT hides the lengths of the lists from the planner, which would plan again for each length. LATERAL makes the
-- server look up one sign-in after the other by the indexes.
FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::text[]))
    WITH ORDINALITY AS request (emails, unknown_key, browsers, networks, slot)
LEFT JOIN LATERAL (
    -- The first form of the address that is found. A view over another application's table may have two users with one
    -- address: one of them is taken.
    SELECT id, email::text, user_name::text, first_name::text, last_name::text, role::text, password_hash::text,
        password_changed_at, disabled_at
    FROM users WHERE lower(users.email::text COLLATE "C") = ANY (string_to_array(request.emails, ' '))
    ORDER BY array_position(string_to_array(request.emails, ' '), lower(users.email::text COLLATE "C")) LIMIT 1
) AS account ON true
LEFT JOIN LATERAL (
    SELECT used_at IS NOT NULL AS is_used_up FROM one_time_passwords
    WHERE one_time_passwords.user_id = account.id
        AND one_time_passwords.password_changed_at = account.password_changed_at
) AS one_time ON true
LEFT JOIN LATERAL (
    SELECT id_hash, trusted_until FROM known_browsers
    WHERE known_browsers.user_id = account.id AND id_hash = ANY (string_to_array(request.browsers, ' '))
    ORDER BY trusted_until DESC NULLS LAST LIMIT 1
) AS browser ON true
LEFT JOIN LATERAL (
    SELECT array_agg(key) AS failure_keys, array_agg(in_a_row) AS in_a_row,
        array_agg(last_failure_at) AS last_failure_at, array_agg(forgotten_at) AS forgotten_at
    FROM sign_in_failures
    WHERE key = ANY (
        string_to_array(request.networks, ' ')
            || coalesce('account:' || account.id, request.unknown_key)
            || ('browser:' || browser.id_hash)
    )
) AS failure ON true
