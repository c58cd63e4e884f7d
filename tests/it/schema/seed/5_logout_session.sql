UPDATE sessions 
SET status = 'logged_out', 
    updated_at = NOW(), 
    logged_out_at = NOW()
WHERE sid = 'sess:abc123xyz789def456';
