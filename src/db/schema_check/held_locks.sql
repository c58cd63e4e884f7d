-- Transactions that have held a lock for more than a minute which the purge or the log of events waits for, one sentence
-- each. Only a member of pg_read_all_stats sees when the transactions of other roles began, and what kind of process they
-- belong to.
SELECT format(
    'process %s of the role %s has held a lock of %s for more than a minute, and %s: end it by '
        'SELECT pg_terminate_backend(%s)',
    pg_locks.pid, usename, task.relation, task.effect, pg_locks.pid
) AS name
FROM (
    VALUES ('keyrack_settings', 'nothing is purged'),
        ('keyrack_instances', 'the log lacks what other programs do')
) AS task (relation, effect)
JOIN pg_locks ON pg_locks.relation = to_regclass(task.relation)
JOIN pg_stat_activity ON pg_stat_activity.pid = pg_locks.pid
WHERE pg_locks.locktype = 'relation'
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND granted
    AND mode IN (
        'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
    )
    AND coalesce(xact_start < now() - interval '1 minute', true)
    AND coalesce(backend_type, 'client backend') = 'client backend'
ORDER BY 1
