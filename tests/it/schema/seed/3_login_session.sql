INSERT INTO sessions (sid, user_id, status, ip_address, user_agent, expires_at)
VALUES (
  'sess:abc123xyz789def456',
  '550e8400-e29b-41d4-a716-446655440000',
  'active',
  '192.168.1.100',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64)...',
  '2026-01-29T11:50:14.000Z'
);
