// Keyrack's tables, filled as sign-ins would have filled them.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { run } from '../host/processes.mjs';
import { md5 } from './cookies.mjs';
import { USERS, emailOf } from './system.mjs';

/** How many users have a password that costs a real hash. */
export const REAL_USERS = 200;

/** The user with very many sessions. A multiple of ten: rows are numbered from 0, which is appended to a prefix. */
export const MANY_USER = 9990;

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
/** When sessions expire: `seconds` from now, spread over the `spread` seconds before that. */
const IN_A_DAY = { seconds: 24 * 3600, spread: 1 };

/** The part that both engines share. A batch of sessions has the sids `md5('BATCH:n')`. */
class Tables {
  batches = 0;

  /** Adds users: most with a hash of the smallest cost, some with a real one. */
  async addUsers(smallest, real) {
    const cheap = Array.from(
      { length: USERS }, (_, n) => [userId('user', n), emailOf(n), emailOf(n).split('@')[0], smallest]);
    const costly = Array.from(
      { length: REAL_USERS }, (_, n) => [userId('real', n), `real${n}@example.com`, `real${n}`, real]);
    await this.insertUsers([...cheap, ...costly]);
  }

  /** Adds live sessions, spread over the users. Returns `some` of their sids, spread over the sessions. */
  async addSessions(count, some = count, ends = IN_A_DAY) {
    const batch = (this.batches += 1);
    const user = (n) => userId('user', n % USERS);
    await this.insertSessions(batch, count, { prefix: 'user', users: USERS, ends, user });
    const stride = Math.max(1, Math.floor(count / some));
    return Array.from({ length: Math.min(some, count) }, (_, n) => md5(`${batch}:${n * stride}`));
  }

  /** Adds live sessions, all of the user MANY_USER. Returns the sid of one. */
  async addSessionsOfOneUser(count) {
    const batch = (this.batches += 1);
    const user = () => userId('user', MANY_USER);
    await this.insertSessions(batch, count, { prefix: `user${MANY_USER / 10}`, users: 1, ends: IN_A_DAY, user });
    const sid = md5(`${batch}:0`);
    await this.prove(sid);
    return sid;
  }

  /** Makes a session one whose password was given just now. */
  prove(sid) {
    return this.sql(`UPDATE sessions SET authenticated_at = created_at WHERE sid = '${sid}';`);
  }

  async countOfOneUser() {
    const id = userId('user', MANY_USER);
    const found = await this.sql(`SELECT count(*) FROM sessions WHERE user_id = '${id}' AND status = 'active';`);
    return Number(found.trim());
  }

  /** Adds users with `devices` live and `ended` ended sessions each. Returns one sid per user. */
  async addDevices(users, devices, ended) {
    const prefix = `devices${ended}-`;
    const people = Array.from(
      { length: users }, (_, n) => [userId(prefix, n), `${prefix}${n}@example.com`, `${prefix}${n}`, null]);
    await this.insertUsers(people);
    const batch = (this.batches += 1);
    const user = (n) => userId(prefix, n % users);
    await this.insertSessions(batch, users * devices, { prefix, users, ends: IN_A_DAY, user });
    if (ended > 0) await this.insertEnded(users * ended, { prefix, users, user });
    return Array.from({ length: users }, (_, n) => md5(`${batch}:${n}`));
  }

  /** Adds sessions that expired over the day until an hour ago, and that no purge has ended yet. */
  addExpired(count) {
    return this.addSessions(count, 1, { seconds: -3600, spread: 24 * 3600 });
  }
}

export class PostgresTables extends Tables {
  constructor(server, database) {
    super();
    Object.assign(this, { server, database });
  }

  get url() {
    return this.server.url(this.database);
  }

  create() {
    return this.server.create(this.database);
  }

  drop() {
    return this.server.drop(this.database);
  }

  sql(statements) {
    return this.server.sql(this.database, statements);
  }

  count() {
    return this.server.number(this.database, 'SELECT count(*) FROM user_sessions');
  }

  insertUsers(users) {
    return this.sql(`INSERT INTO users (id, email, user_name, password_hash) VALUES ${values(users)};`);
  }

  /** Inserts without the triggers, which would check each row; the rows satisfy their rules. */
  insertSessions(batch, count, { prefix, users, ends: { seconds, spread } }) {
    const row = `n, md5('${batch}:' || n) AS sid, md5('${prefix}' || n % ${users})::uuid AS user_id`;
    const end = `(now() + (${seconds} - n % ${spread}) * interval '1 second')`;
    return this.sql(`
      SET session_replication_role = replica;
      INSERT INTO sessions (sid, user_id, ip_address, user_agent, expires_at, created_at, updated_at, last_seen_at)
        SELECT sid, user_id, '203.0.113.7', '${AGENT}', ${end}, now(), now(), now()
        FROM (SELECT ${row} FROM generate_series(0, ${count - 1}) n) rows;
      INSERT INTO user_sessions (sid, sess, expire)
        SELECT sid, format('{"cookie":{"originalMaxAge":86400000,"expires":"%s","secure":false,"httpOnly":true,"path":"/","sameSite":"lax"},"userId":"%s","email":"%s","role":"user","status":"login"}',
          to_char(${end} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), user_id, email)::json, ${end}
        FROM (SELECT ${row} FROM generate_series(0, ${count - 1}) n) rows JOIN users ON users.id = user_id;`);
  }

  insertEnded(count, { prefix, users }) {
    return this.sql(`
      SET session_replication_role = replica;
      INSERT INTO sessions (sid, user_id, status, ip_address, user_agent, expires_at, created_at, updated_at, last_seen_at,
          logged_out_at, end_reason)
        SELECT md5('ended ${prefix}' || n), md5('${prefix}' || n % ${users})::uuid, 'logged_out', '203.0.113.7', '${AGENT}',
          at + interval '1 day', at, at, at, at + interval '1 hour', 'signed_out'
        FROM (SELECT n, now() - interval '1 day' - n * interval '1 second' AS at FROM generate_series(0, ${count - 1}) n) rows;`);
  }

  settle() {
    return this.sql('VACUUM ANALYZE; CHECKPOINT;');
  }

  spreadActivity(sids) {
    return this.sql(`UPDATE sessions SET last_seen_at = now() - random() * interval '60 seconds'
      WHERE sid = ANY('{${sids}}');`);
  }
}

export class SqliteTables extends Tables {
  constructor(file) {
    super();
    this.file = file;
  }

  get url() {
    return `sqlite:${this.file}`;
  }

  async create() {}

  async drop() {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${this.file}${suffix}`, { force: true });
  }

  /** Runs statements. Filling need not be durable. */
  sql(statements) {
    const input = `.bail on\n.timeout 30000\nPRAGMA synchronous = OFF;\nPRAGMA cache_size = -500000;\n${statements}\n`;
    return run('sqlite3', ['-batch', this.file], { input });
  }

  async count() {
    return Number((await this.sql('SELECT count(*) FROM user_sessions;')).trim());
  }

  insertUsers(users) {
    return this.sql(`INSERT INTO users (id, email, user_name, password_hash) VALUES ${values(users)};`);
  }

  /** Inserts the data first: its triggers then find no session to check. */
  async insertSessions(batch, count, { ends: { seconds, spread }, user }) {
    const at = (format) => `strftime('${format}', 'now', (${seconds} - loaded.rowid % ${spread}) || ' seconds')`;
    const end = at('%Y-%m-%dT%H:%M:%f000Z');
    const now = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')";
    await this.load((n) => `${md5(`${batch}:${n}`)},${user(n)}`, count, `
      INSERT INTO user_sessions (sid, sess, expire)
        SELECT sid, '{"cookie":{"originalMaxAge":86400000,"expires":"' || ${at('%Y-%m-%dT%H:%M:%fZ')} || '","secure":false,"httpOnly":true,"path":"/","sameSite":"lax"},"userId":"' || user_id || '","email":"' || email || '","role":"user","status":"login"}', ${end}
        FROM loaded JOIN users ON users.id = user_id;
      INSERT INTO sessions (sid, user_id, ip_address, user_agent, expires_at, created_at, updated_at, last_seen_at)
        SELECT sid, user_id, '203.0.113.7', '${AGENT}', ${end}, ${now}, ${now}, ${now} FROM loaded;`);
  }

  insertEnded(count, { prefix, user }) {
    const before = (days) => `strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '${days} days', '-' || loaded.rowid || ' seconds')`;
    return this.load((n) => `${md5(`ended ${prefix}${n}`)},${user(n)}`, count, `
      INSERT INTO sessions (sid, user_id, status, ip_address, user_agent, expires_at, created_at, updated_at, last_seen_at,
          logged_out_at, end_reason)
        SELECT sid, user_id, 'logged_out', '203.0.113.7', '${AGENT}', ${before(-1)}, ${before(-2)}, ${before(-1)}, ${before(-1)},
          ${before(-1)}, 'signed_out' FROM loaded;`);
  }

  /** Runs statements that read a temporary table `loaded (sid, user_id)` of `count` rows. */
  async load(row, count, statements) {
    const file = `${this.file}.csv`;
    const out = openSync(file, 'w');
    for (let from = 0; from < count; from += 100_000) {
      const size = Math.min(100_000, count - from);
      writeSync(out, Array.from({ length: size }, (_, n) => `${row(from + n)}\n`).join(''));
    }
    closeSync(out);
    await this.sql(`CREATE TEMP TABLE loaded (sid TEXT, user_id TEXT);\n.import --csv ${file} loaded\nBEGIN;\n${statements}\nCOMMIT;`);
    rmSync(file);
  }

  settle() {
    return this.sql('PRAGMA wal_checkpoint(TRUNCATE);');
  }

  /** One UPDATE, which is short because sids are indexed. */
  spreadActivity(sids) {
    return this.sql(`UPDATE sessions
      SET last_seen_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || (abs(random()) % 60) || ' seconds')
      WHERE sid IN (${sids.map((sid) => `'${sid}'`)});`);
  }
}

/** A user's id, which both engines can compute. */
function userId(prefix, n) {
  return md5(`${prefix}${n}`).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function values(rows) {
  const quoted = (value) => (value === null ? 'NULL' : `'${value}'`);
  return rows.map((row) => `(${row.map(quoted)})`).join(',\n');
}

