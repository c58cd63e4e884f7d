SELECT s.*, u.email, u.user_name
FROM sessions s
JOIN users u ON s.user_id = u.id
WHERE s.user_id = '550e8400-e29b-41d4-a716-446655440000'
  AND s.status = 'active'
  AND s.expires_at > NOW();
