// purge: 500,000 sessions have run out, and `keyrack purge` ends them while people go on.

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { start, stop } from '../host/processes.mjs';
import { measure, warmUp } from '../load/measurement.mjs';
import { save } from '../load/requests.mjs';
import { load } from '../load/wrk.mjs';

export const NAME = 'purge';
const LIVE = 100_000;
const EXPIRED = 500_000;
/** Sign-ins go on beside the checks, as they do. */
const SIGNING_IN = 4;

export async function run({ host, systems, options, record, measured, say }) {
  for (const system of systems.filter(({ isKeyrack }) => isKeyrack).map((one) => one.another('_purge'))) {
    await system.prepare(LIVE);
    // The server purges by itself as it starts, and then every few minutes: what runs out comes after its start.
    const server = await system.start();
    await sleep(1000);
    say(`${system.name}: filling ${EXPIRED.toLocaleString('en')} sessions that have run out`);
    await system.tables.addExpired(EXPIRED);
    await system.tables.settle();
    await system.settle();
    const file = save(path.join(host.folder, `${system.name}.session`), system.session());
    const signIns = save(path.join(host.folder, `${system.name}.sign-in`), await system.signIn(server));
    await warmUp(server, file);
    const both = async (when, round) => {
      const found = await measured({ workload: `purge/${when}`, system: system.name, round }, async () => {
        const [gets, starts] = await Promise.all([
          measure(host, system, server, { file, seconds: options.seconds }),
          load({ port: server.port, file: signIns, seconds: options.seconds, connections: SIGNING_IN }),
        ]);
        return { ...gets, signIn: starts.rps, signInP99: starts.p99 };
      });
      if (found) say(`${system.name}, ${when} the purge: p99 of checks ${found.p99.toFixed(1)} ms, of sign-ins ${found.signInP99.toFixed(1)} ms`);
    };
    for (let round = 1; round <= options.rounds; round++) await both('before', round);
    const stored = await system.count();
    const { command, env, cwd } = system.command(0);
    const purge = start(command, ['purge'], { env, cwd });
    const started = performance.now();
    let status;
    purge.ended.then((value) => (status = value));
    await sleep(200);
    for (let round = 1; round <= options.rounds; round++) {
      await both('during', round);
      if (status !== undefined) break; // it was faster than what is measured
    }
    if (status !== undefined && status !== 0) throw new Error(`keyrack purge: ${status}\n${purge.output()}`);
    const seconds = (performance.now() - started) / 1000;
    const left = await expiredOf(system);
    record({ workload: 'purge/rate', system: system.name, round: 1, seconds, ended: EXPIRED - left, stored });
    say(`${system.name}: ${EXPIRED - left} ended in ${seconds.toFixed(1)} s${status === undefined ? ', and the rest left' : ''}`);
    await stop(purge);
    await server.stop();
    await system.drop();
  }
}

/** How many sessions have run out and have not been given their end. */
async function expiredOf(system) {
  const now = system.database ? 'now()' : "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')";
  return Number(await system.tables.sql(`SELECT count(*) FROM sessions WHERE status = 'active' AND expires_at < ${now};`));
}
