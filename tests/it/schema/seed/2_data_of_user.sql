SELECT sid, sess->>'userId' as user_id, sess->>'status' as status, expire 
FROM user_sessions 
WHERE sess->>'userId' = '550e8400-e29b-41d4-a716-446655440000';
