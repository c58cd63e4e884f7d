// A system: a server with sessions, and how to fill it, start it and send requests to it.

import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, request, retry } from '../host/network.mjs';
import { cpuOf, memoryOf } from '../host/proc.mjs';
import { start, stop } from '../host/processes.mjs';
import { get, post } from '../load/requests.mjs';

const SETTLE_TIMEOUT_MS = 60_000;

/** How many cookies are used in turn. */
export const COOKIES = 10_000;

export class System {
  /** The property of `host` with the server that stores the sessions; null if they are in the process, or nowhere. */
  database = null;
  /** Cookies of live sessions. */
  cookies = [];
  /** Whether sign-in and sign-out are measured. */
  hasSignIn = true;
  /** An upper bound: this many sessions per second are prepared to be signed out. */
  maxSignOutsPerSecond = 15_000;

  constructor(host) {
    this.host = host;
  }

  /** Creates the tables and fills them. */
  async prepare(_count) {}

  /** Returns the server's `{command, args, env}`. */
  command(_port) {
    throw new Error('each system overrides this');
  }

  /** Brings the stored sessions into the state of steady use, just before a measurement. */
  async settle() {}

  /** Returns the number of live sessions. */
  async count() {
    throw new Error('each system overrides this');
  }

  /** Adds `count` sessions and returns their cookies. */
  async more(_count) {
    throw new Error('each system overrides this');
  }

  /** Authenticated GETs, spread over all sessions: neighbours in a table would share pages. */
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

  /** Starts a server, on a free port unless one is given, and waits until it has answered an authenticated GET. */
  async start(options = {}) {
    const port = options.port ?? await freePort();
    const { command, args, env, cwd } = this.command(port, options);
    const started = performance.now();
    const child = start(command, args, { env, cwd });
    const headers = { cookie: this.cookies[0] ?? '' };
    const ask = () => retry(() => request(port, { path: '/api/session', headers }), child, this.name, 1);
    let answer = await ask();
    // A server that has many ends in its journal first makes sure that all of them hold.
    while (answer.status === 503 && performance.now() - started < SETTLE_TIMEOUT_MS) answer = await ask();
    const startMs = performance.now() - started;
    if (answer.status !== 200) {
      throw new Error(`${this.name} answers ${answer.status}:\n${answer.body}\n${child.output()}`);
    }
    const server = new Server(child, port, startMs, answer.body.length);
    await this.#untilIdle(server);
    return server;
  }

  /** Waits until the server and its database have finished their work after a start. */
  async #untilIdle(server) {
    const sides = [server.pid, ...(this.database ? [this.host[this.database].pid] : [])];
    const spent = () => sides.reduce((sum, pid) => sum + cpuOf(pid), 0);
    const started = Date.now();
    for (let before = spent(), idle = 0; idle < 2 && Date.now() - started < SETTLE_TIMEOUT_MS; ) {
      await sleep(200);
      const after = spent();
      idle = after - before < 0.1 * 200_000 ? idle + 1 : 0;
      before = after;
    }
    const seconds = (Date.now() - started) / 1000;
    if (seconds > 3) console.error(`        ${this.name} was busy for ${seconds.toFixed(1)} s after its start`);
  }
}

/** A running system. */
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
