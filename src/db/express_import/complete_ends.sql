-- Completes the sessions that the application has ended since the backfill, which the temporary index finds at once.
UPDATE sessions
SET logged_out_at = coalesce(logged_out_at, greatest(updated_at, created_at)),
    end_reason = coalesce(end_reason, 'signed_out')
WHERE status = 'logged_out' AND (logged_out_at IS NULL OR end_reason IS NULL);

DROP INDEX keyrack_incomplete_ends;
