// Keyrack itself, on both engines.

import path from 'node:path';
import { ask } from '../host/network.mjs';
import { run } from '../host/processes.mjs';
import { keyrackBinary, peerBinary } from '../host/requirements.mjs';
import { get, post } from '../load/requests.mjs';
import { formToken, signedCookie } from './cookies.mjs';
import { PostgresTables, SqliteTables } from './keyrack-tables.mjs';
import { COOKIES, PASSWORD, System, emailOf } from './system.mjs';

const SECRET = 'a-secret-of-the-benchmark-known-to-everybody';
const COOKIE = 'keyrack.sid';

/** What hashing costs: next to nothing where sign-ins are measured without it, else Keyrack's default. */
export const SMALLEST_HASH = 'm=8,t=1,p=1';
export const REAL_HASH = 'm=19456,t=2,p=1';

class Keyrack extends System {
  isKeyrack = true;

  environment() {
    return { DATABASE_URL: this.tables.url, KEYRACK_SECRETS: SECRET };
  }

  command(port, { hash = SMALLEST_HASH } = {}) {
    const env = {
      ...this.environment(), KEYRACK_BIND: `127.0.0.1:${port}`, KEYRACK_WORKERS: '2', KEYRACK_LOG: 'warn', KEYRACK_HASH_COST: hash,
    };
    return { command: keyrackBinary(), args: ['serve'], env, cwd: this.host.folder };
  }

  /** Another one with a database of its own. */
  another(suffix) {
    return new this.constructor(this.host, suffix);
  }

  /** The program's own commands, on this database. */
  run(...args) {
    return run(keyrackBinary(), args, { env: this.environment(), cwd: this.host.folder });
  }

  async prepare(count) {
    await this.tables.create();
    await this.run('migrate');
    const [smallest, real] = await Promise.all([SMALLEST_HASH, REAL_HASH].map(hashOf));
    await this.tables.addUsers(smallest, real);
    this.sids = await this.tables.addSessions(count, COOKIES);
    this.cookies = this.sids.map(cookieOf);
    await this.tables.settle();
  }

  /** Sessions in use are touched once a minute: their last touches are spread over the last one. */
  async settle() {
    await this.tables.spreadActivity(this.sids);
  }

  count() {
    return this.tables.count();
  }

  drop() {
    return this.tables.drop();
  }

  /** With the token and cookie of a visitor's form: both stay valid. */
  async signIn(server, email = emailOf) {
    const { headers, body } = await ask(server.port, { path: '/login' });
    const cookie = headers['set-cookie'].map((one) => one.split(';')[0]).find((one) => one.startsWith('keyrack.csrf='));
    const token = /name="csrf_token"[^>]*value="([^"]+)"/.exec(body)[1];
    const form = (n) => post('/login', { email: email(n), password: PASSWORD, csrf_token: token }, cookie);
    return Array.from({ length: COOKIES }, (_, n) => form(n));
  }

  async signOut(count) {
    const sids = await this.tables.addSessions(count);
    return sids.map((sid) => post('/logout', { csrf_token: formToken(sid, SECRET) }, cookieOf(sid)));
  }

  /** The page of users with six devices each, and so many ended sessions. */
  async devicePage(users, ended) {
    const sids = await this.tables.addDevices(users, 6, ended);
    await this.tables.settle();
    return sids.map((sid) => get('/account/sessions', cookieOf(sid)));
  }
}

export class KeyrackPostgres extends Keyrack {
  name = 'keyrack-postgres';
  label = 'Keyrack, PostgreSQL';
  database = 'postgres';

  constructor(host, suffix = '') {
    super(host);
    this.tables = new PostgresTables(host.postgres, `keyrack${suffix}`);
  }
}

export class KeyrackSqlite extends Keyrack {
  name = 'keyrack-sqlite';
  label = 'Keyrack, SQLite';

  constructor(host, suffix = '') {
    super(host);
    this.tables = new SqliteTables(path.join(host.folder, `keyrack${suffix}.db`));
  }
}

function cookieOf(sid) {
  return signedCookie(COOKIE, sid, SECRET);
}

async function hashOf(cost) {
  const [m, t, p] = cost.match(/\d+/g);
  return (await run(peerBinary('argon2-rate'), ['hash', m, t, p, PASSWORD])).trim();
}
