// session, sign-in and sign-out: the systems take turns, round by round.

import path from 'node:path';
import { measure, warmUp } from '../load/measurement.mjs';
import { CONNECTIONS } from '../load/wrk.mjs';
import { save } from '../load/requests.mjs';

export const NAMES = ['session', 'sign-in', 'sign-out'];

/** Runs the named workloads. */
export async function run({ host, systems, options, record, measured, say }, names) {
  for (const system of systems) {
    say(`${system.name}: filling ${options.sessions.toLocaleString('en')} sessions`);
    await system.prepare(options.sessions);
  }
  for (let round = 1; round <= options.rounds; round++) {
    // Each round begins with another system, so that none always follows the same neighbour.
    const order = systems.map((_, n) => systems[(n + round - 1) % systems.length]);
    for (const system of order) await turn({ host, system, round, options, record, measured, say }, names);
  }
}

async function turn({ host, system, round, options, record, measured, say }, names) {
  await system.settle();
  const file = save(path.join(host.folder, `${system.name}.requests`), system.session());
  let server = await system.start();
  const { startMs, answerLength: answerBytes } = server;
  const restMb = server.memory();
  let afterMb = restMb;
  for (const workload of names) {
    if (workload !== 'session' && !system.hasSignIn) continue;
    if (workload === 'sign-out') server = await restart(system, server);
    await warmUp(server, file);
    const found = await measured({ workload, system: system.name, round }, () => (workload === 'session'
      ? measure(host, system, server, { file, seconds: options.seconds })
      : changing(host, system, server, workload, options.seconds)));
    afterMb = Math.max(afterMb, server.memory());
    if (!found) continue;
    say(`round ${round}, ${system.name}, ${workload}: ${Math.round(found.rps)} per second, p99 ${found.p99.toFixed(1)} ms`);
  }
  record({ workload: 'start', system: system.name, round, startMs, restMb, afterMb, answerBytes });
  await server.stop();
}

/**
 * Restarts a server. The end of a load cuts off requests. Where that leaves a connection inside a transaction, the
 * server is broken from then on (tower-sessions on sqlx: its later deletions are never committed).
 */
async function restart(system, server) {
  await server.stop();
  return system.start();
}

/** Measures sign-ins or sign-outs, and counts in the store that every answer started or ended a session. */
export async function changing(host, system, server, workload, seconds) {
  const starts = workload === 'sign-in';
  const requests = starts ? await system.signIn(server) : await system.signOut(seconds * system.maxSignOutsPerSecond);
  const file = save(path.join(host.folder, `${system.name.replaceAll('/', '-')}.${workload}`), requests);
  const before = await system.count();
  const found = await measure(host, system, server, { file, seconds, once: !starts });
  const changed = ((await system.count()) - before) * (starts ? 1 : -1);
  // Requests in flight at the end of the load may have changed rows, too.
  if (changed < found.requests || changed > found.requests + 2 * CONNECTIONS) {
    throw new Error(`${system.name}, ${workload}: ${found.requests} answers, but ${changed} changes`);
  }
  return found;
}
