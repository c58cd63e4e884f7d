// The databases that the tests run on: SQLite always, PostgreSQL where DATABASE_URL_E2E names a server.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file in the server's own folder. */
const sqlite = {
  name: 'SQLite',
  async create(folder) {
    const path = join(folder, 'keyrack.db');
    return { url: `sqlite:${path}`, interrupt: () => lock(path), drop: async () => {} };
  },
};

/** Takes SQLite's one write lock, so that nothing can be written, until the returned function is called. */
async function lock(path) {
  const shell = spawn('sqlite3', [path], { stdio: ['pipe', 'pipe', 'inherit'] });
  shell.stdin.write('BEGIN IMMEDIATE;\nSELECT 1;\n');
  await once(shell.stdout, 'data');
  return async () => {
    shell.stdin.end('ROLLBACK;\n');
    await once(shell, 'close');
  };
}

let databases = 0;

/** A database of its own on the server that DATABASE_URL_E2E names, reached through a wire that can be cut. */
const postgres = {
  name: 'PostgreSQL',
  async create() {
    databases += 1;
    const name = `keyrack_e2e_${process.pid}_${databases}`;
    const admin = process.env.DATABASE_URL_E2E;
    const sql = (statement) => run('psql', ['--no-psqlrc', '--quiet', '--dbname', admin, '--command', statement]);
    await sql(`CREATE DATABASE ${name}`);
    const url = new URL(admin);
    const wire = await Wire.lay(url.hostname, Number(url.port || 5432));
    url.hostname = '127.0.0.1';
    url.port = String(wire.port);
    url.pathname = `/${name}`;
    return {
      url: url.href,
      interrupt: async () => wire.cut(),
      drop: async () => {
        await wire.close();
        await sql(`DROP DATABASE ${name} WITH (FORCE)`);
      },
    };
  },
};

/** Passes bytes on between a port of ours and a server's, while it is whole. */
class Wire {
  static async lay(host, port) {
    const wire = new Wire();
    wire.server = createServer((near) => wire.#pass(near, () => connect(port, host)));
    wire.server.listen(0, '127.0.0.1');
    await once(wire.server, 'listening');
    wire.port = wire.server.address().port;
    return wire;
  }

  #whole = true;
  #ends = new Set();

  #pass(near, dial) {
    if (!this.#whole) {
      near.destroy();
      return;
    }
    const far = dial();
    for (const [end, other] of [[near, far], [far, near]]) {
      this.#ends.add(end);
      end.pipe(other);
      end.on('error', () => {});
      end.on('close', () => {
        this.#ends.delete(end);
        other.destroy();
      });
    }
  }

  /** Ends every connection and refuses new ones, until the returned function is called. */
  cut() {
    this.#whole = false;
    for (const end of this.#ends) end.destroy();
    return async () => {
      this.#whole = true;
    };
  }

  async close() {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}

export const ENGINES = process.env.DATABASE_URL_E2E ? [sqlite, postgres] : [sqlite];
export { sqlite };
