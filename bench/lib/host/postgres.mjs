// A PostgreSQL server of the benchmark's own: durable as it comes (fsync and synchronous_commit are on), with a quarter of the
// machine's memory for its buffers, as its manual advises.

import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort, patiently } from './network.mjs';
import { run, start } from './processes.mjs';
import { postgresBinary } from './requirements.mjs';

export class Postgres {
  /** Starts a server whose files are in a folder of its own. */
  static async start(folder) {
    const data = path.join(folder, 'postgres');
    const owner = serverUser();
    mkdirSync(data);
    if (owner) {
      chmodSync(folder, 0o711); // the way to a folder that the server's user owns
      chownSync(data, owner.uid, owner.gid);
    }
    const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'];
    await run(postgresBinary('initdb'), initdb, { cwd: data, ...owner });
    const port = await freePort();
    const buffers = `shared_buffers=${Math.floor(os.totalmem() / 4 / 2 ** 20)}MB`;
    const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', buffers];
    // SIGTERM would wait for those who are connected.
    const options = { cwd: data, ...owner, stopSignal: 'SIGINT' };
    const child = start(postgresBinary('postgres'), ['-D', data, '-p', port, ...settings], options);
    const server = new Postgres(child, port);
    await patiently(() => server.sql('postgres', 'SELECT 1'), child, 'PostgreSQL');
    return server;
  }

  constructor(child, port) {
    this.child = child;
    this.pid = child.pid;
    this.port = port;
  }

  url(database) {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs statements, each by itself, and returns what they print: a row a line, columns separated by bars. */
  async sql(database, statements) {
    const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', this.url(database), '-f', '-'];
    return (await run(postgresBinary('psql'), args, { input: statements })).trim();
  }

  async number(database, query) {
    return Number(await this.sql(database, query));
  }

  async create(database) {
    await this.sql('postgres', `CREATE DATABASE ${database}`);
  }

  async drop(database) {
    await this.sql('postgres', `DROP DATABASE ${database} WITH (FORCE)`);
  }

  async version() {
    return (await this.sql('postgres', 'SHOW server_version')).split(' ')[0];
  }
}

/** PostgreSQL refuses to run as root: Debian's package has made a user for it. */
function serverUser() {
  if (process.getuid() !== 0) return null;
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((entry) => entry.startsWith('postgres:'));
  if (!line) throw new Error('PostgreSQL does not run as root, and there is no user "postgres"; run this as another user.');
  const [, , uid, gid] = line.split(':').map(Number);
  return { uid, gid };
}
