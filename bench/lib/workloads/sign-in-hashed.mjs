// sign-in-hashed: sign-ins with real hashes against the machine's own rate of hashing, and what a storm of them leaves
// of `/api/session`.

import { setMaxListeners } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../host/network.mjs';
import { run as runProgram } from '../host/processes.mjs';
import { peerBinary } from '../host/requirements.mjs';
import { measure, warmUp } from '../load/measurement.mjs';
import { save } from '../load/requests.mjs';
import { REAL_USERS } from '../systems/keyrack-tables.mjs';
import { REAL_HASH } from '../systems/keyrack.mjs';

export const NAME = 'sign-in-hashed';
/** Enough that no core ever waits for the next one, and few enough that none is turned away. */
const CONNECTIONS = 16;
const STORM = 200;

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
        const people = new Storm(server.port, requests);
        await people.hasBegun();
        const found = await measure(host, system, server, { file, seconds: options.seconds });
        return { ...found, ...(await people.end()) };
      });
      if (rate) say(`round ${round}, ${system.name}: ${rate.rps.toFixed(1)} of ${rate.raw.toFixed(1)} hashes a second`);
      if (idle && storm) {
        say(`round ${round}, ${system.name}: in a storm ${Math.round(storm.rps)} of ${Math.round(idle.rps)} requests a second, `
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
 * People who all sign in at once. Whoever is told to come back does so when told; whoever is in is followed by the
 * next, so that the storm lasts as long as what is measured.
 */
class Storm {
  signedIn = 0;
  toldToWait = 0;

  constructor(port, requests) {
    this.port = port;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: STORM });
    this.over = new AbortController();
    setMaxListeners(STORM, this.over.signal);
    this.people = Array.from({ length: STORM }, (_, n) => this.#person(requests, n));
  }

  async #person(requests, first) {
    for (let n = first; !this.over.signal.aborted; n += STORM) {
      const [head, body] = requests[n % requests.length].split('\r\n\r\n');
      const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => line.split(': ')));
      const answer = await ask(this.port, { method: 'POST', path: '/login', headers, body, agent: this.agent });
      if (answer.status === 303) {
        this.signedIn += 1;
      } else if (answer.status === 503 && answer.headers['retry-after']) {
        this.toldToWait += 1;
        await sleep(Number(answer.headers['retry-after']) * 1000, null, { signal: this.over.signal }).catch(() => {});
      } else {
        throw new Error(`a sign-in in the storm was answered ${answer.status}`);
      }
    }
  }

  async hasBegun() {
    await Promise.race([sleep(200), ...this.people]);
  }

  async end() {
    this.over.abort();
    await Promise.all(this.people);
    this.agent.destroy();
    return { signedIn: this.signedIn, toldToWait: this.toldToWait };
  }
}
