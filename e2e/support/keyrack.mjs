// The real program, started for a test and stopped after it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.KEYRACK_BIN
  ?? fileURLToPath(new URL('../../target/debug/keyrack', import.meta.url));

/** Starting includes migrating, on a machine that may be busy with browsers. */
const START_LIMIT = 30_000;

/** Cheap hashes: these tests are about pages, not about guessing passwords. */
const CHEAP_HASH = 'm=64,t=1,p=1';

export const USER = {
  email: 'rajat.verma@example.com',
  password: 'four birds under one roof',
  name: 'Rajat Verma',
};

/** A running server, and the commands that share its database. */
export class Keyrack {
  /** Starts `keyrack serve` on an empty database of `engine`, on any free port. */
  static async start(engine, settings = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'keyrack-e2e-'));
    const database = await engine.create(folder);
    const keyrack = new Keyrack(folder, database, {
      DATABASE_URL: database.url,
      KEYRACK_BIND: '127.0.0.1:0',
      KEYRACK_SECRETS_FILE: join(folder, 'keyrack.secrets'),
      KEYRACK_HASH_COST: CHEAP_HASH,
      ...settings,
    });
    await keyrack.#serve(['serve']);
    return keyrack;
  }

  /** Starts `keyrack demo`; its sign-in stands in `demo`. */
  static async demo() {
    const folder = await mkdtemp(join(tmpdir(), 'keyrack-e2e-'));
    const keyrack = new Keyrack(folder, undefined, { KEYRACK_BIND: '127.0.0.1:0', TMPDIR: folder });
    await keyrack.#serve(['demo']);
    const [email, password] = await Promise.all([
      keyrack.#printed(/^with the email\s+(\S+)/),
      keyrack.#printed(/^and the password\s+(\S+)/),
    ]);
    keyrack.demo = { email: email[1], password: password[1] };
    return keyrack;
  }

  #folder;
  #environment;
  /** For the case that the tests end before they can stop it. */
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

  /** The link to `/setup`, as the program printed it. */
  async setupLink() {
    const [link] = await this.#printed(/http:\S+\/setup\?token=\S+/);
    return link;
  }

  async #serve(args) {
    this.#server = spawn(BINARY, args, { cwd: this.#folder, env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    process.once('exit', this.#abandon);
    this.#output = collect(this.#server.stdout);
    this.#errors = collect(this.#server.stderr);
    try {
      const line = await this.#seen(this.#errors, /"message":"listening on (http:[^"]+)"/);
      this.url = line[1];
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  #printed(pattern) {
    return this.#seen(this.#output, pattern);
  }

  /** The first line that matches, now or later. */
  async #seen(lines, pattern) {
    const gone = new AbortController();
    const stopped = () => gone.abort(new Error(`keyrack stopped:\n${this.#errors.lines.join('\n')}`));
    const timer = setTimeout(() => gone.abort(new Error(`keyrack never printed ${pattern}`)), START_LIMIT);
    this.#server.once('exit', stopped);
    this.#server.once('error', (error) => gone.abort(error));
    try {
      return await lines.find(pattern, gone.signal);
    } finally {
      clearTimeout(timer);
      this.#server.off('exit', stopped);
    }
  }

  /** Adds `USER`, or another. */
  async addUser(user = USER) {
    const [first, ...last] = user.name.split(' ');
    await this.command(['user', 'add', user.email, '--first-name', first, '--last-name', last.join(' ')], user.password);
  }

  /** Runs another command on the same database; returns what it printed. */
  async command(args, input = '') {
    const child = spawn(BINARY, args, { cwd: this.#folder, env: this.#environment });
    // A command that reads nothing may be done before it is written to.
    child.stdin.on('error', () => {});
    child.stdin.end(`${input}\n`);
    const [output, errors] = [collect(child.stdout), collect(child.stderr)];
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`keyrack ${args.join(' ')}: ${errors.lines.join('\n')}`);
    return output.lines.join('\n');
  }

  /** Signs a device in that has no window. Returns the cookie that it keeps. */
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

  /** Stops the server and removes what it left. */
  async stop() {
    if (this.#server.pid !== undefined && this.#server.exitCode === null && this.#server.signalCode === null) {
      // Browsers keep their connections open, and a graceful stop would wait for them.
      this.#server.kill('SIGKILL');
      await once(this.#server, 'exit');
    }
    process.off('exit', this.#abandon);
    await this.database?.drop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The cookies that an answer sets, as the next request sends them. Debian's Node.js 18 has no `getSetCookie()`. */
function cookies(answer) {
  const set = (answer.headers.get('set-cookie') ?? '').split(/, (?=[^ ;,=]+=)/);
  return set.map((cookie) => cookie.split(';', 1)[0]).join('; ');
}

/** The lines of a stream: those that came, and a wait for those that will. */
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
