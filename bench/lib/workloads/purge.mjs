// purge: `keyrack purge` ends 500,000 expired sessions while others are in use.

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { start, stop } from '../host/processes.mjs';
import { measure, warmUp } from '../load/measurement.mjs';
import { save } from '../load/requests.mjs';
import { load } from '../load/wrk.mjs';

export const NAME = 'purge';
const LIVE_SESSIONS = 100_000;
const EXPIRED_SESSIONS = 500_000;
/** Connections that sign in meanwhile. */
const SIGN_IN_CONNECTIONS = 4;

export async function run({ host, systems, options, record, measured, say }) {
  for (const system of systems.filter(({ isKeyrack }) => isKeyrack).map((one) => one.another('_purge'))) {
    await system.prepare(LIVE_SESSIONS);
    // The server purges at its start and then every few minutes, so the expired sessions are added after its start.
    const server = await system.start();
    await sleep(1000);
    say(`${system.name}: filling ${EXPIRED_SESSIONS.toLocaleString('en')} expired sessions`);
    await system.tables.addExpired(EXPIRED_SESSIONS);
    await system.tables.settle();
    await system.settle();
    const file = save(path.join(host.folder, `${system.name}.session`), system.session());
    const signIns = save(path.join(host.folder, `${system.name}.sign-in`), await system.signIn(server));
    await warmUp(server, file);
    const both = async (when, round) => {
      const found = await measured({ workload: `purge/${when}`, system: system.name, round }, async () => {
        const [gets, starts] = await Promise.all([
          measure(host, system, server, { file, seconds: options.seconds }),
          load({ port: server.port, file: signIns, seconds: options.seconds, connections: SIGN_IN_CONNECTIONS }),
        ]);
        return { ...gets, signIn: starts.rps, signInP99: starts.p99 };
      });
      if (!found) return;
      const [getP99, signInP99] = [found.p99, found.signInP99].map((ms) => `${ms.toFixed(1)} ms`);
      say(`${system.name}, ${when} the purge: p99 of GETs ${getP99}, of sign-ins ${signInP99}`);
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
      if (status !== undefined) break; // the purge has ended
    }
    if (status !== undefined && status !== 0) throw new Error(`keyrack purge: ${status}\n${purge.output()}`);
    const seconds = (performance.now() - started) / 1000;
    const left = await expiredOf(system);
    record({ workload: 'purge/rate', system: system.name, round: 1, seconds, ended: EXPIRED_SESSIONS - left, stored });
    say(`${system.name}: ${EXPIRED_SESSIONS - left} ended in ${seconds.toFixed(1)} s${status === undefined ? ', the others left' : ''}`);
    await stop(purge);
    await server.stop();
    await system.drop();
  }
}

/** How many sessions have expired and are not ended yet. */
async function expiredOf(system) {
  const now = system.database ? 'now()' : "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')";
  return Number(await system.tables.sql(`SELECT count(*) FROM sessions WHERE status = 'active' AND expires_at < ${now};`));
}
