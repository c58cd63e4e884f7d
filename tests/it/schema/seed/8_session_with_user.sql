SELECT 
  s.id,
  s.sid,
  s.status,
  s.ip_address,
  s.user_agent,
  s.created_at,
  s.logged_out_at,
  u.email,
  u.user_name,
  u.first_name,
  u.last_name
FROM sessions s
JOIN users u ON s.user_id = u.id
WHERE s.sid = 'sess:abc123xyz789def456';
