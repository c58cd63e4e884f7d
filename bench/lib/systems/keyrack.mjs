// Keyrack itself, on both engines.

import path from 'node:path';
import { request } from '../host/network.mjs';
import { run } from '../host/processes.mjs';
import { keyrackBinary } from '../host/requirements.mjs';
import { get, post } from '../load/requests.mjs';
import { sessionToken, signedCookie, visitorToken } from './cookies.mjs';
import { MANY_USER, PostgresTables, SqliteTables } from './keyrack-tables.mjs';
import { COOKIES, PASSWORD, System, emailOf } from './system.mjs';

const SECRET = 'the-public-secret-of-the-benchmark';
const COOKIE = 'keyrack.sid';
/** Sign-in forms that are sent in turn: more than any machine handles in the seconds in which one counts as repeated. */
const SIGN_IN_FORMS = 150_000;

/** The cost of a hash: close to zero where sign-ins are measured without hashing, else Keyrack's default. */
export const SMALLEST_HASH = 'm=8,t=1,p=1';
export const REAL_HASH = 'm=19456,t=2,p=1';
/** Hashes of PASSWORD at these costs. */
export const HASHES = [
  '$argon2id$v=19$m=8,t=1,p=1$3TWj/oCHBfySwpD7dKJqBQ$2xOD3bL5AxhQ/Ih6QOVDFHRGieO6q8PnhjCiNrnZs3M',
  '$argon2id$v=19$m=19456,t=2,p=1$WVMw08LJ3hkn6BBQ0HWSaQ$ti/2Xe1TkgaLESvyzNNVh7c2mliUow5BRlfEDz7tnYo',
];

class Keyrack extends System {
  isKeyrack = true;
  /** Environment variables besides those that every measurement sets. */
  settings = {};

  /** `program` is the keyrack to run; by default the release build. */
  constructor(host, program = keyrackBinary()) {
    super(host);
    this.program = program;
  }

  environment() {
    return { DATABASE_URL: this.tables.url, KEYRACK_SECRETS: SECRET, ...this.settings };
  }

  command(port, { hash = SMALLEST_HASH, maxSessions } = {}) {
    // Versions that knew no default limit refuse 0.
    const limit = maxSessions > 0 || (maxSessions === 0 && this.hasDefaultLimit) ? { KEYRACK_MAX_SESSIONS: `${maxSessions}` } : {};
    const env = {
      ...this.environment(), KEYRACK_BIND: `127.0.0.1:${port}`, KEYRACK_WORKERS: '2', KEYRACK_LOG: 'warn',
      KEYRACK_HASH_COST: hash,
      // The same users sign in over and over, each many times per second.
      KEYRACK_SIGN_IN_PACE: 'off',
      ...limit,
      // What bench/compare gives to one of its programs goes before all of that.
      ...this.settings,
    };
    return { command: this.program, args: ['serve'], env, cwd: this.host.folder };
  }

  /** Returns another system of the same kind, with its own database. */
  another(suffix) {
    return new this.constructor(this.host, suffix, this.program);
  }

  /** Runs one of the program's commands on this database. */
  run(...args) {
    return run(this.program, args, { env: this.environment(), cwd: this.host.folder });
  }

  async prepare(count) {
    await this.tables.create();
    await this.run('migrate');
    this.hasDefaultLimit = (await this.run('--help')).replace(/\s+/g, ' ').includes('0 for no limit');
    await this.tables.addUsers(...HASHES);
    this.sids = await this.tables.addSessions(count, COOKIES);
    this.cookies = this.sids.map(cookieOf);
    await this.tables.settle();
  }

  /** Keyrack records activity once per minute and session: the last records are spread over the last minute. */
  async settle() {
    await this.tables.spreadActivity(this.sids);
  }

  count() {
    return this.tables.count();
  }

  drop() {
    return this.tables.drop();
  }

  /**
   * All requests carry the cookie of one visitor, and each one the token of a form of its own: a form that is sent twice
   * within a few seconds starts one session.
   */
  async signIn(server, email = emailOf) {
    const { headers } = await request(server.port, { path: '/login' });
    const cookie = headers['set-cookie'].map((one) => one.split(';')[0]).find((one) => one.startsWith('keyrack.csrf='));
    const [visitor] = cookie.slice('keyrack.csrf='.length).split('.');
    const form = (n) => {
      const fields = { email: email(n), password: PASSWORD, csrf_token: visitorToken(visitor, SECRET) };
      return post('/login', fields, cookie);
    };
    return Array.from({ length: SIGN_IN_FORMS }, (_, n) => form(n));
  }

  async signOut(count) {
    const sids = await this.tables.addSessions(count);
    return sids.map((sid) => post('/logout', { csrf_token: sessionToken(sid, SECRET) }, cookieOf(sid)));
  }

  /** Gives one user `count` live sessions. Returns a cookie and a form token of one of them, and the user's address. */
  async addManySessions(count) {
    const sid = await this.tables.addSessionsOfOneUser(count);
    await this.tables.settle();
    return { cookie: cookieOf(sid), token: sessionToken(sid, SECRET), email: emailOf(MANY_USER) };
  }

  /** How many live sessions that user has. */
  manyLeft() {
    return this.tables.countOfOneUser();
  }

  /** Requests for the device page of users with six devices and `ended` ended sessions each. */
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

  constructor(host, suffix = '', program = undefined) {
    super(host, program);
    this.tables = new PostgresTables(host.postgres, `keyrack${suffix}`);
  }
}

export class KeyrackSqlite extends Keyrack {
  name = 'keyrack-sqlite';
  label = 'Keyrack, SQLite';

  constructor(host, suffix = '', program = undefined) {
    super(host, program);
    this.tables = new SqliteTables(path.join(host.folder, `keyrack${suffix}.db`));
  }
}

function cookieOf(sid) {
  return signedCookie(COOKIE, sid, SECRET);
}
