// A PgBouncer for one benchmark, in transaction mode, with the settings that docs/scale.md recommends.

import { chownSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort, retry } from './network.mjs';
import { run, start } from './processes.mjs';
import { postgresBinary } from './requirements.mjs';

const PATHS = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'];

export class PgBouncer {
  /** Starts it in front of `postgres`. Returns null where it is not installed. */
  static async start(folder, postgres) {
    const program = PATHS.find((file) => existsSync(file));
    if (!program) return null;
    const own = path.join(folder, 'pgbouncer');
    // Like PostgreSQL it refuses to run as root: it runs as the same user.
    const { uid, gid } = statSync(postgres.data);
    mkdirSync(own);
    const port = await freePort();
    writeFileSync(path.join(own, 'users.txt'), '"postgres" ""\n');
    writeFileSync(path.join(own, 'pgbouncer.ini'), `[databases]
* = host=127.0.0.1 port=${postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${own}/users.txt
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
query_wait_timeout = 1
server_login_retry = 1
`);
    const owner = process.getuid() === 0 ? { uid, gid } : {};
    if (owner.uid !== undefined) chownSync(own, uid, gid);
    const child = start(program, [path.join(own, 'pgbouncer.ini')], { cwd: own, ...owner, stopSignal: 'SIGINT' });
    const pooler = new PgBouncer(child, port);
    const query = () => run(postgresBinary('psql'), ['-X', '-q', '-d', pooler.url('postgres'), '-c', 'SELECT 1']);
    await retry(query, child, 'PgBouncer');
    return pooler;
  }

  constructor(child, port) {
    Object.assign(this, { child, pid: child.pid, port });
  }

  url(database) {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }
}
