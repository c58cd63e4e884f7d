DELETE FROM user_sessions WHERE sid = 'sess:abc123xyz789def456';
