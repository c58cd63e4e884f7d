// Starts the program for a test and stops it afterwards.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.KEYRACK_BIN ?? builtProgram();

/** The program that `cargo build` has built. Cargo's settings and variables may name another folder than `target`. */
function builtProgram() {
  const options = { cwd: fileURLToPath(new URL('../..', import.meta.url)), encoding: 'utf8', maxBuffer: Infinity };
  const metadata = execFileSync('cargo', ['metadata', '--no-deps', '--format-version=1'], options);
  return join(JSON.parse(metadata).target_directory, process.env.CARGO_BUILD_TARGET ?? '', 'debug', 'keyrack');
}

/** Includes the migration, on a machine that is busy with browsers. */
const START_TIMEOUT_MS = 30_000;

const HOUR_MS = 3_600_000;

/** A time in UTC, as the tables have it. */
const microseconds = (time) => new Date(time).toISOString().replace('Z', '000Z');

/** Cheap, since these tests are not about the strength of hashes. */
const CHEAP_HASH = 'm=64,t=1,p=1';

export const USER = {
  email: 'rajat.verma@example.com',
  password: 'four birds under one roof',
  name: 'Rajat Verma',
};

/** A running server, and the commands that share its database. */
export class Keyrack {
  /** Starts `keyrack serve` with an empty database of this engine, on a free port. */
  static async start(engine, settings = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'keyrack-e2e-'));
    const database = await engine.create(folder);
    const keyrack = new Keyrack(folder, database, {
      DATABASE_URL: database.url,
      KEYRACK_BIND: '127.0.0.1:0',
      KEYRACK_SECRETS_FILE: join(folder, 'keyrack.secrets'),
      KEYRACK_HASH_COST: CHEAP_HASH,
      // The tests sign in as one user more often than people do.
      KEYRACK_SIGN_IN_PACE: 'off',
      ...settings,
    });
    await keyrack.#serve(['serve']);
    return keyrack;
  }

  /** Starts `keyrack demo`. The property `demo` holds its email address and password. */
  static async demo(settings = {}, flags = []) {
    const folder = await mkdtemp(join(tmpdir(), 'keyrack-e2e-'));
    const keyrack = new Keyrack(folder, undefined, { KEYRACK_BIND: '127.0.0.1:0', TMPDIR: folder, ...settings });
    await keyrack.#serve(['demo', ...flags]);
    const [email, password] = await Promise.all([
      keyrack.#printed(/^with the email\s+(\S+)/),
      keyrack.#printed(/^and the password\s+(\S+)/),
    ]);
    keyrack.demo = { email: email[1], password: password[1] };
    return keyrack;
  }

  #folder;
  #environment;
  /** Cleans up if the tests exit before they stop the server. */
  #abandon = () => {
    this.#server.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };
  #server;
  #errors = [];
  #output = [];

  constructor(folder, database, settings) {
    this.#folder = folder;
    this.database = database;
    const inherited = Object.entries(process.env).filter(([name]) => !/^(KEYRACK_|DATABASE_URL)/.test(name));
    this.#environment = { ...Object.fromEntries(inherited), ...settings };
  }

  /** Starts the server again, with further settings, at the same address. */
  async restart(settings) {
    await this.#kill();
    this.#environment = { ...this.#environment, KEYRACK_BIND: new URL(this.url).host, ...settings };
    await this.#serve(['serve']);
  }

  /** Makes the last proof of every session hours old. */
  async ageProofs() {
    await this.database.execute(`UPDATE sessions SET authenticated_at = '${microseconds(Date.now() - 4 * HOUR_MS)}'`);
  }

  /** Makes sessions of a user by SQL, which is quick for hundreds. */
  async addSessions(count, { email } = USER) {
    const { id } = JSON.parse(await this.command(['user', 'list', '--json'])).find((user) => user.email === email);
    const [now, end] = [Date.now(), Date.now() + 24 * HOUR_MS].map(microseconds);
    const numbers = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})`;
    const name = "'made-up-' || substr('000' || n, length('000' || n) - 3)";
    await this.database.execute(`
      INSERT INTO sessions (sid, user_id, user_agent, ip_address, expires_at, created_at, last_seen_at, authorised_by)
      ${numbers} SELECT ${name}, '${id}', 'made-up-agent/' || n || '.0', '192.0.2.7', '${end}', '${now}', '${now}', 'password'
      FROM numbers;
      INSERT INTO user_sessions (sid, sess, expire)
      ${numbers} SELECT ${name}, '{"cookie":{"originalMaxAge":86400000},"userId":"${id}"}', '${end}' FROM numbers;`);
  }

  /** Writes a file into the folder in which the program runs. */
  write(name, text) {
    return writeFile(join(this.#folder, name), text);
  }

  /** The link to `/setup` that the program has printed. */
  async setupLink() {
    const [link] = await this.#printed(/http:[^"\s]+\/setup\?token=[\w-]+/);
    return link;
  }

  async #serve(args) {
    this.#server = spawn(BINARY, args, { cwd: this.#folder, env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    process.once('exit', this.#abandon);
    this.#output = collect(this.#server.stdout);
    this.#errors = collect(this.#server.stderr);
    try {
      const line = await this.#waitFor(this.#errors, /"message":"listening on (http:[^"]+)"/);
      this.url = line[1];
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  #printed(pattern) {
    return this.#waitFor(this.#output, pattern);
  }

  /** Waits for the first line that matches. */
  async #waitFor(lines, pattern) {
    const stop = new AbortController();
    const stopped = () => stop.abort(new Error(`keyrack stopped:\n${this.#errors.lines.join('\n')}`));
    const timer = setTimeout(() => stop.abort(new Error(`keyrack never printed ${pattern}`)), START_TIMEOUT_MS);
    this.#server.once('exit', stopped);
    this.#server.once('error', (error) => stop.abort(error));
    try {
      return await lines.find(pattern, stop.signal);
    } finally {
      clearTimeout(timer);
      this.#server.off('exit', stopped);
    }
  }

  /** Adds a user, by default `USER`. */
  async addUser(user = USER) {
    const [first, ...last] = user.name.split(' ');
    await this.command(['user', 'add', user.email, '--first-name', first, '--last-name', last.join(' ')], user.password);
  }

  /** Runs a command on the same database. Returns its output. */
  async command(args, input = '') {
    const child = spawn(BINARY, args, { cwd: this.#folder, env: this.#environment });
    // A command that reads no input may exit before this is written.
    child.stdin.on('error', () => {});
    child.stdin.end(`${input}\n`);
    const [output, errors] = [collect(child.stdout), collect(child.stderr)];
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`keyrack ${args.join(' ')}: ${errors.lines.join('\n')}`);
    return output.lines.join('\n');
  }

  /** The id of the only active session with this user agent. */
  async sessionId(userAgent) {
    const sessions = JSON.parse(await this.command(['session', 'list', '--json']));
    const [found] = sessions.filter((session) => session.user_agent === userAgent);
    return found.id;
  }

  /** Signs a device in over HTTP, without a browser. Returns its cookies. */
  async signIn(userAgent, { email, password } = USER) {
    const headers = { 'user-agent': userAgent };
    const form = await fetch(`${this.url}/login`, { headers });
    const token = /name="csrf_token" value="([^"]+)"/.exec(await form.text())[1];
    const answer = await fetch(`${this.url}/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { ...headers, cookie: cookies(form) },
      body: new URLSearchParams({ email, password, csrf_token: token }),
    });
    if (answer.status !== 303) throw new Error(`sign-in answered ${answer.status}`);
    return cookies(answer);
  }

  async #kill() {
    if (this.#server.pid !== undefined && this.#server.exitCode === null && this.#server.signalCode === null) {
      // A graceful stop would wait for the browsers, which keep their connections open.
      this.#server.kill('SIGKILL');
      await once(this.#server, 'exit');
    }
    process.off('exit', this.#abandon);
  }

  /** Starts another instance on the same database, at an address of its own. It ends by `stopInstance`. */
  async another() {
    const other = new Keyrack(this.#folder, this.database, { ...this.#environment, KEYRACK_BIND: '127.0.0.1:0' });
    await other.#serve(['serve']);
    return other;
  }

  stopInstance() {
    return this.#kill();
  }

  /** Stops the server and deletes its folder and database. */
  async stop() {
    await this.#kill();
    await this.database?.drop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The cookies that a response sets, as a `Cookie` header. `getSetCookie()` does not exist in Debian's Node.js 18. */
function cookies(answer) {
  const set = (answer.headers.get('set-cookie') ?? '').split(/, (?=[^ ;,=]+=)/);
  return set.map((cookie) => cookie.split(';', 1)[0]).join('; ');
}

/** Collects the lines of a stream. `find` waits for one that matches. */
function collect(stream) {
  const lines = [];
  const reader = createInterface({ input: stream });
  reader.on('line', (line) => lines.push(line));
  const find = async (pattern, signal) => {
    for (let next = 0; ; next += 1) {
      if (next === lines.length) await once(reader, 'line', { signal }).catch(() => { throw signal.reason; });
      const match = pattern.exec(lines[next]);
      if (match) return match;
    }
  };
  return { lines, find };
}
