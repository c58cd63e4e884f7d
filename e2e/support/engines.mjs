// The databases that the tests run on: SQLite, and PostgreSQL if DATABASE_URL_E2E names a server. `npm run
// test:postgres` starts a throw-away one.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * How long it takes to end a session that was slowed down: all together more than a second, but a batch of 200 must not
 * take as long as that. SQLite can't sleep, but counting so far takes it about half a millisecond; the pauses after its
 * batches are longer.
 */
const SLOW_END_SECONDS = 0.0012;
const SLOW_END_STEPS = 1600;

/** A query for the sessions that end last if all of them end: it goes in the order of their ids. */
const lastToEnd = (count) => `SELECT sid FROM sessions ORDER BY id DESC LIMIT ${count}`;

/** A file in the folder of the keyrack under test. */
const sqlite = {
  name: 'SQLite',
  async create(folder) {
    const path = join(folder, 'keyrack.db');
    return {
      url: `sqlite:${path}`,
      execute: (sql) => run('sqlite3', ['-cmd', '.timeout 10000', path, sql]),
      interrupt: () => lock(path),
      slowDownEnds: (count) => run('sqlite3', [path, `
        CREATE TABLE slow_sids AS ${lastToEnd(count)};
        CREATE VIEW slow_work (steps) AS
          WITH RECURSIVE work (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM work WHERE n < ${SLOW_END_STEPS})
          SELECT count(*) FROM work;
        CREATE TRIGGER slow_end BEFORE UPDATE OF status ON sessions
        WHEN EXISTS (SELECT 1 FROM slow_sids WHERE sid = OLD.sid) BEGIN SELECT steps FROM slow_work; END;`]),
      drop: async () => {},
    };
  },
};

/** Takes SQLite's write lock, so that nothing can be written until the returned function is called. */
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

/** A new database on the server that DATABASE_URL_E2E names, reached through a proxy that can refuse connections. */
const postgres = {
  name: 'PostgreSQL',
  async create() {
    databases += 1;
    const name = `keyrack_e2e_${process.pid}_${databases}`;
    const admin = process.env.DATABASE_URL_E2E;
    const sql = (statement) => run('psql', ['--no-psqlrc', '--quiet', '--dbname', admin, '--command', statement]);
    await sql(`CREATE DATABASE ${name}`);
    const url = new URL(admin);
    const proxy = await TcpProxy.start(url.hostname, Number(url.port || 5432));
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    url.pathname = `/${name}`;
    return {
      url: url.href,
      execute: (statement) => run('psql', ['--no-psqlrc', '--quiet', '--dbname', url.href, '--command', statement]),
      interrupt: async () => proxy.cut(),
      slowDownEnds: (count) => run('psql', ['--no-psqlrc', '--quiet', '--dbname', url.href, '--command', `
        CREATE TABLE slow_sids AS ${lastToEnd(count)};
        CREATE FUNCTION slow_end() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF EXISTS (SELECT FROM slow_sids WHERE sid = OLD.sid) THEN PERFORM pg_sleep(${SLOW_END_SECONDS}); END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER slow_end BEFORE UPDATE OF status ON sessions FOR EACH ROW EXECUTE FUNCTION slow_end();`]),
      // A session that the program can't read. On SQLite, pages leave such rows out.
      addUnreadableSession: () => run('psql', ['--no-psqlrc', '--quiet', '--dbname', url.href, '--command', `
        ALTER TABLE sessions ALTER last_seen_at DROP NOT NULL;
        INSERT INTO sessions (sid, user_id, expires_at, last_seen_at) SELECT 'unreadable', id, '2999-01-01', NULL FROM users ORDER BY created_at LIMIT 1;
        INSERT INTO user_sessions (sid, sess, expire)
        SELECT 'unreadable', json_build_object('userId', id), '2999-01-01' FROM users ORDER BY created_at LIMIT 1;`]),
      drop: async () => {
        await proxy.close();
        await sql(`DROP DATABASE ${name} WITH (FORCE)`);
      },
    };
  },
};

/** A TCP proxy in front of a server. While it is cut, it refuses connections. */
class TcpProxy {
  static async start(host, port) {
    const proxy = new TcpProxy();
    proxy.server = createServer((client) => proxy.#forward(client, () => connect(port, host)));
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  #isCut = false;
  #sockets = new Set();

  #forward(client, connectToServer) {
    if (this.#isCut) {
      client.destroy();
      return;
    }
    const server = connectToServer();
    for (const [socket, other] of [[client, server], [server, client]]) {
      this.#sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  /** Closes all connections and refuses new ones until the returned function is called. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
    return async () => {
      this.#isCut = false;
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
