// sign-in-hashed: sign-ins at the real hash cost against the machine's rate of hashing, and `/api/session` during a
// storm of sign-ins.

import { setMaxListeners } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../host/network.mjs';
import { run as runProgram } from '../host/processes.mjs';
import { peerBinary } from '../host/requirements.mjs';
import { measure, warmUp } from '../load/measurement.mjs';
import { save } from '../load/requests.mjs';
import { REAL_USERS } from '../systems/keyrack-tables.mjs';
import { REAL_HASH } from '../systems/keyrack.mjs';

export const NAME = 'sign-in-hashed';
/** Enough to keep every core busy, and few enough that none is rejected. */
const CONNECTIONS = 16;
const STORM_USERS = 200;

export async function run({ host, systems, options, measured, say }) {
  for (const system of systems.filter(({ isKeyrack }) => isKeyrack).map((one) => one.another('_hashed'))) {
    say(`${system.name}: filling`);
    await system.prepare(options.sessions);
    const file = save(path.join(host.folder, `${system.name}.session`), system.session());
    for (let round = 1; round <= options.rounds; round++) {
      await system.settle();
      const server = await system.start({ hash: REAL_HASH });
      await warmUp(server, file);
      const requests = await system.signIn(server, (n) => `real${n % REAL_USERS}@example.com`);
      const signIns = save(path.join(host.folder, `${system.name}.hashed`), requests);
      const key = (name) => ({ workload: `sign-in-hashed/${name}`, system: system.name, round });
      const rate = await measured(key('rate'), async () => {
        const raw = await rawRate(options.seconds);
        const found = await measure(host, system, server, { file: signIns, seconds: options.seconds, connections: CONNECTIONS });
        return { ...found, raw, share: found.rps / raw };
      });
      const idle = await measured(key('idle'), () => measure(host, system, server, { file, seconds: options.seconds }));
      const storm = await measured(key('storm'), async () => {
        const storm = new Storm(server.port, requests);
        await storm.begin();
        const found = await measure(host, system, server, { file, seconds: options.seconds });
        return { ...found, ...(await storm.end()) };
      });
      if (rate) say(`round ${round}, ${system.name}: ${rate.rps.toFixed(1)} of ${rate.raw.toFixed(1)} hashes per second`);
      if (idle && storm) {
        say(`round ${round}, ${system.name}: in a storm ${Math.round(storm.rps)} of ${Math.round(idle.rps)} requests per second, `
          + `p99 ${storm.p99} after ${idle.p99} ms`);
      }
      await server.stop();
    }
    await system.drop();
  }
}

async function rawRate(seconds) {
  const [m, t, p] = REAL_HASH.match(/\d+/g);
  return Number(await runProgram(peerBinary('argon2-rate'), ['rate', m, t, p, seconds]));
}

/**
 * Users who all sign in at once. A rejected one tries again after the time in `Retry-After`; one who got in is followed
 * by the next, so that the storm lasts as long as the measurement.
 */
class Storm {
  signedIn = 0;
  rejected = 0;

  constructor(port, requests) {
    this.port = port;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: STORM_USERS });
    this.over = new AbortController();
    setMaxListeners(STORM_USERS, this.over.signal);
    this.users = Array.from({ length: STORM_USERS }, (_, n) => this.#user(requests, n));
  }

  async #user(requests, first) {
    for (let n = first; !this.over.signal.aborted; n += STORM_USERS) {
      const [head, body] = requests[n % requests.length].split('\r\n\r\n');
      const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => line.split(': ')));
      const answer = await request(this.port, { method: 'POST', path: '/login', headers, body, agent: this.agent });
      if (answer.status === 303) {
        this.signedIn += 1;
      } else if (answer.status === 503 && answer.headers['retry-after']) {
        this.rejected += 1;
        await sleep(Number(answer.headers['retry-after']) * 1000, null, { signal: this.over.signal }).catch(() => {});
      } else {
        throw new Error(`a sign-in in the storm was answered ${answer.status}`);
      }
    }
  }

  async begin() {
    await Promise.race([sleep(200), ...this.users]);
  }

  async end() {
    this.over.abort();
    await Promise.all(this.users);
    this.agent.destroy();
    return { signedIn: this.signedIn, rejected: this.rejected };
  }
}
