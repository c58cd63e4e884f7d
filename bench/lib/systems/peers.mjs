// The peers: small applications on the alternatives to Keyrack.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../host/processes.mjs';
import { PEERS, peerBinary } from '../host/requirements.mjs';
import { md5, signedCookie } from './cookies.mjs';
import { System, emailOf } from './system.mjs';

const SECRET = 'the-public-secret-of-the-benchmark';

/** A peer in Rust. It fills its own store, since it knows the format. */
class RustPeer extends System {
  get url() {
    throw new Error('each peer overrides this');
  }

  command(port) {
    return { command: peerBinary(this.program), args: ['serve', port, this.url], env: {} };
  }

  async prepare(count) {
    this.cookies = await this.more(count);
  }

  async more(count) {
    const file = path.join(this.host.folder, `${this.name}.cookies`);
    await run(peerBinary(this.program), ['fill', this.url, count, file]);
    return readFileSync(file, 'utf8').trim().split('\n');
  }
}

export class AxumPostgres extends RustPeer {
  name = 'axum-postgres';
  label = 'axum + tower-sessions, PostgreSQL';
  program = 'peer-axum';
  database = 'postgres';

  get url() {
    return this.host.postgres.url('axum');
  }

  async prepare(count) {
    await this.host.postgres.create('axum');
    await super.prepare(count);
    await this.host.postgres.sql('axum', 'VACUUM ANALYZE; CHECKPOINT;');
  }

  count() {
    return this.host.postgres.number('axum', 'SELECT count(*) FROM tower_sessions.session');
  }
}

export class AxumSqlite extends RustPeer {
  name = 'axum-sqlite';
  label = 'axum + tower-sessions, SQLite';
  program = 'peer-axum';

  get file() {
    return path.join(this.host.folder, 'axum.db');
  }

  get url() {
    return `sqlite:${this.file}`;
  }

  async count() {
    return Number(await run('sqlite3', [this.file, 'SELECT count(*) FROM tower_sessions']));
  }
}

export class ActixRedis extends RustPeer {
  name = 'actix-redis';
  label = 'actix-session, Redis (nothing durable)';
  program = 'peer-actix-redis';
  maxSignOutsPerSecond = 100_000;
  database = 'redis';

  get url() {
    return this.host.redis.url;
  }

  count() {
    return this.host.redis.size();
  }
}

export class Express extends System {
  name = 'express';
  label = 'Express + connect-pg-simple, 2 workers';
  database = 'postgres';
  databaseName = 'express';
  variant = '';
  maxSignOutsPerSecond = 6_000;

  command(port) {
    return {
      command: 'node',
      args: [path.join(PEERS, 'express/server.js'), port, this.host.postgres.url(this.databaseName), this.variant],
      env: { NODE_ENV: 'production', SESSION_SECRET: SECRET },
    };
  }

  async prepare(count) {
    const { postgres } = this.host;
    await postgres.create(this.databaseName);
    // The table of connect-pg-simple's table.sql.
    await postgres.sql(this.databaseName, `
      CREATE TABLE session (sid varchar NOT NULL COLLATE "default", sess json NOT NULL, expire timestamp(6) NOT NULL);
      ALTER TABLE session ADD CONSTRAINT session_pkey PRIMARY KEY (sid);
      CREATE INDEX "IDX_session_expire" ON session (expire);`);
    this.cookies = await this.more(count);
    await postgres.sql(this.databaseName, 'VACUUM ANALYZE; CHECKPOINT;');
  }

  async more(count) {
    const batch = (this.batches = (this.batches ?? 0) + 1);
    await this.host.postgres.sql(this.databaseName, `
      INSERT INTO session (sid, sess, expire)
      SELECT md5('${batch}:' || n), json_build_object(
        'cookie', json_build_object('originalMaxAge', 86400000, 'expires', now() + interval '24 hours', 'httpOnly', true, 'path', '/'),
        'who', json_build_object('session_id', gen_random_uuid(), 'created_at', now(), 'last_seen_at', now(),
          'expires_at', now() + interval '24 hours', 'user_id', gen_random_uuid(),
          'email', 'user' || lpad((n % 10000)::text, 5, '0') || '@example.com',
          'user_name', 'user' || lpad((n % 10000)::text, 5, '0'), 'role', 'user')), now() + interval '24 hours'
      FROM generate_series(0, ${count - 1}) n`);
    return Array.from({ length: count }, (_, n) => signedCookie('connect.sid', md5(`${batch}:${n}`), SECRET));
  }

  count() {
    return this.host.postgres.number(this.databaseName, 'SELECT count(*) FROM session');
  }
}

export class ExpressDisableTouch extends Express {
  name = 'express-no-touch';
  label = 'the same, disableTouch';
  databaseName = 'express_no_touch';
  hasSignIn = false; // disableTouch makes no difference to it
  variant = 'disableTouch';
}

/** The web server alone. */
export class Bare extends System {
  name = 'bare';
  label = 'a bare actix-web route';
  hasSignIn = false;

  command(port) {
    return { command: peerBinary('peer-bare'), args: ['serve', port], env: {} };
  }

  async prepare() {
    // A cookie as long as Keyrack's, which the route does not read.
    this.cookies = Array.from({ length: 10_000 }, (_, n) => signedCookie('keyrack.sid', emailOf(n), SECRET));
  }
}
