INSERT INTO user_sessions (sid, sess, expire)
VALUES (
  'sess:abc123xyz789def456',
  '{"cookie":{"originalMaxAge":86400000,"expires":"2026-01-29T11:50:14.000Z","secure":false,"httpOnly":true,"sameSite":"lax"},"userId":"550e8400-e29b-41d4-a716-446655440000","email":"rajat.verma@example.com","role":"user","status":"login"}',
  '2026-01-29T11:50:14.000Z'
);
