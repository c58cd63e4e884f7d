// A browser at Keyrack's sign-in form, one request at a time.

import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { request } from '../host/network.mjs';

export class Visitor {
  /** Opens the form of a server, whose token and cookie stay valid. */
  static async open(port, pid) {
    const { headers, body } = await request(port, { path: '/login' });
    const cookie = headers['set-cookie'].map((one) => one.split(';')[0]).find((one) => one.startsWith('keyrack.csrf='));
    return new Visitor(port, pid, cookie, /name="csrf_token"[^>]*value="([^"]+)"/.exec(body)[1]);
  }

  constructor(port, pid, cookie, token) {
    Object.assign(this, { port, pid, cookie, token });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  }

  /**
   * Signs in from the network with this number. Returns the answer, how many milliseconds it took, and for how many the
   * server's threads ran.
   */
  signIn(email, password, network) {
    return this.send('/login', { email, password }, network);
  }

  /** Sends a form of a visitor, from a network of its own. */
  async send(path, fields, network) {
    const body = new URLSearchParams({ ...fields, csrf_token: this.token }).toString();
    const headers = {
      cookie: this.cookie, 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length,
      'x-forwarded-for': clientOf(network),
    };
    const cpuBefore = cpuMilliseconds(this.pid);
    const started = performance.now();
    const answer = await request(this.port, { method: 'POST', path, headers, body, agent: this.agent });
    const milliseconds = performance.now() - started;
    return { answer, milliseconds, cpu: cpuMilliseconds(this.pid) - cpuBefore };
  }

  close() {
    this.agent.destroy();
  }
}

/** An address in a network of its own, so that no network uses up its allowance. */
const clientOf = (number) => `10.${(number >> 8) % 256}.${number % 256}.7`;

/**
 * The milliseconds for which the threads of a process have run so far. Nothing else uses the server, so this is the
 * work of one sign-in, whatever other programs do to the time that it takes.
 */
function cpuMilliseconds(pid) {
  const folder = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(folder).map((thread) => {
    try {
      return Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      return 0; // the thread has ended
    }
  });
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}

/** The list in a random order. */
export function shuffle(items) {
  for (let place = items.length - 1; place > 0; place -= 1) {
    const other = Math.floor(Math.random() * (place + 1));
    [items[place], items[other]] = [items[other], items[place]];
  }
  return items;
}
