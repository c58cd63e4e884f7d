// A system: a server that keeps sessions, and how to fill it, start it and ask it.

import { setTimeout as sleep } from 'node:timers/promises';
import { ask, freePort, patiently } from '../host/network.mjs';
import { cpuOf, memoryOf } from '../host/proc.mjs';
import { start, stop } from '../host/processes.mjs';
import { get, post } from '../load/requests.mjs';

const LONGEST_REST_MS = 60_000;

/** How many cookies take turns. */
export const COOKIES = 10_000;

export class System {
  /** Where sessions are; its CPU counts as the database's. Null if they are in the process, or nowhere. */
  database = null;
  /** Cookies of live sessions. */
  cookies = [];
  /** Whether sign-in and sign-out are measured. */
  hasSignIn = true;
  /** More than it can do: so many sessions are there to be signed out. */
  signOutsASecond = 15_000;

  constructor(host) {
    this.host = host;
  }

  /** Makes the tables and fills them. */
  async prepare(_count) {}

  /** What to run: `{command, args, env}`. */
  command(_port) {
    throw new Error('to be said by each system');
  }

  /** Makes the stored sessions what they are in steady use, just before a measurement. */
  async settle() {}

  /** How many sessions are alive. */
  async count() {
    throw new Error('to be said by each system');
  }

  /** So many more sessions, as cookies. */
  async more(_count) {
    throw new Error('to be said by each system');
  }

  /** Spread over all sessions, so that neighbours in a table are not all that is read. */
  session() {
    const stride = Math.max(1, Math.floor(this.cookies.length / COOKIES));
    const size = Math.min(COOKIES, this.cookies.length);
    return Array.from({ length: size }, (_, n) => get('/api/session', this.cookies[n * stride]));
  }

  async signIn() {
    return Array.from({ length: COOKIES }, (_, n) => post('/login', { email: emailOf(n), password: PASSWORD }));
  }

  async signOut(count) {
    return (await this.more(count)).map((cookie) => post('/logout', {}, cookie));
  }

  /** Starts a server, and waits until it has answered who is signed in. */
  async start(options = {}) {
    const port = await freePort();
    const { command, args, env, cwd } = this.command(port, options);
    const started = performance.now();
    const child = start(command, args, { env, cwd });
    const headers = { cookie: this.cookies[0] ?? '' };
    const answer = await patiently(() => ask(port, { path: '/api/session', headers }), child, this.name, 1);
    const startMs = performance.now() - started;
    if (answer.status !== 200) throw new Error(`${this.name} answers ${answer.status}:\n${answer.body}\n${child.output()}`);
    const server = new Server(child, port, startMs, answer.body.length);
    await this.#rest(server);
    return server;
  }

  /** Waits until the server and its database have done what they do after a start, and sit still. */
  async #rest(server) {
    const sides = [server.pid, ...(this.database ? [this.host[this.database].pid] : [])];
    const spent = () => sides.reduce((sum, pid) => sum + cpuOf(pid), 0);
    const started = Date.now();
    for (let before = spent(), still = 0; still < 2 && Date.now() - started < LONGEST_REST_MS; ) {
      await sleep(200);
      const after = spent();
      still = after - before < 0.1 * 200_000 ? still + 1 : 0;
      before = after;
    }
    server.restMs = Date.now() - started;
    if (server.restMs > 3000) console.error(`        ${this.name} worked for ${(server.restMs / 1000).toFixed(1)} s after its start`);
  }
}

/** A system that runs. */
export class Server {
  constructor(child, port, startMs, answerLength) {
    Object.assign(this, { child, pid: child.pid, port, startMs, answerLength });
  }

  memory() {
    return memoryOf(this.pid);
  }

  async stop() {
    await stop(this.child);
  }
}

export const PASSWORD = 'correct horse battery staple';
export const USERS = 10_000;

export function emailOf(number) {
  return `user${String(number % USERS).padStart(5, '0')}@example.com`;
}
