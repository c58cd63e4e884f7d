// bench/instances: one instance of Keyrack and two on one PostgreSQL, with PgBouncer in between and without; and whether an
// end on one instance holds on the other while both are under load.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ask } from './host/network.mjs';
import { PgBouncer } from './host/pgbouncer.mjs';
import { Postgres } from './host/postgres.mjs';
import { cpuOf } from './host/proc.mjs';
import { isEnding, run, stopAll } from './host/processes.mjs';
import { ROOT } from './host/requirements.mjs';
import { save } from './load/requests.mjs';
import { CONNECTIONS, load } from './load/wrk.mjs';
import { ranged, table } from './report/text.mjs';
import { KeyrackPostgres } from './systems/keyrack.mjs';

const HELP = `bench/instances: several instances of Keyrack on one PostgreSQL against one.

  --rounds N     how often each measurement is repeated (default 3)
  --seconds S    how long each lasts (default 4)
  --sessions N   how many sessions the database holds (default 100000)
  --ends N       how many sessions are ended on one instance and asked for on the other (default 500)
`;

let folder;
for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  process.once(signal, async () => {
    await cleanUp();
    process.exit(status);
  });
}

async function cleanUp() {
  await stopAll();
  if (folder) rmSync(folder, { recursive: true, force: true });
}

function parse(args) {
  const options = { rounds: 3, seconds: 4, sessions: 100_000, ends: 500 };
  for (let place = 0; place < args.length; place += 2) {
    const name = args[place].slice(2);
    const number = Number(args[place + 1]);
    if (!(name in options) || !Number.isInteger(number) || number < 1) return null;
    options[name] = number;
  }
  return options;
}

/** The same tables, reached through a pooler. */
class Pooled extends KeyrackPostgres {
  constructor(direct, pooler) {
    super(direct.host);
    const { tables, sids, cookies } = direct;
    Object.assign(this, { tables, sids, cookies, pooler });
  }

  environment() {
    return { ...super.environment(), DATABASE_URL: this.pooler.url(this.tables.database) };
  }
}

/** As much load on all servers together as one would get, and what all of it cost. */
async function measure({ postgres, pooler }, servers, file, seconds) {
  const sides = { app: servers.map(({ pid }) => pid), database: [postgres.pid], pooler: pooler ? [pooler.pid] : [] };
  const spent = () => Object.fromEntries(
    Object.entries(sides).map(([name, pids]) => [name, pids.reduce((sum, pid) => sum + cpuOf(pid), 0)]));
  const connections = CONNECTIONS / servers.length;
  const before = spent();
  const found = await Promise.all(servers.map(({ port }) => load({ port, file, seconds, connections })));
  const after = spent();
  const requests = found.reduce((sum, one) => sum + one.requests, 0);
  const cpu = Object.keys(sides).map((name) => [name, (after[name] - before[name]) / requests]);
  const rps = found.reduce((sum, one) => sum + one.rps, 0);
  return { rps, p99: Math.max(...found.map(({ p99 }) => p99)), ...Object.fromEntries(cpu) };
}

/** Ends sessions on one server and asks for each on the other at once, while both are under load. Returns how many lived on. */
async function ends(system, [one, other], file, count, seconds) {
  const requests = await system.signOut(count);
  const loads = Promise.all([one, other].map(({ port }) => load({ port, file, seconds, connections: 8 })));
  let alive = 0;
  let slowest = 0;
  for (const [n, request] of requests.entries()) {
    const [head, body] = request.split('\r\n\r\n');
    const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => line.split(': ')));
    const [here, there] = n % 2 === 0 ? [one, other] : [other, one];
    const check = () => ask(there.port, { path: '/api/session', headers: { cookie: headers.Cookie } });
    if ((await check()).status !== 200) throw new Error('a session was over before its end');
    const ended = await ask(here.port, { method: 'POST', path: '/logout', headers, body });
    if (ended.status !== 303) throw new Error(`a sign-out was answered with ${ended.status}`);
    const started = performance.now();
    if ((await check()).status !== 401) alive += 1;
    slowest = Math.max(slowest, performance.now() - started);
  }
  await loads;
  return { alive, slowest };
}

async function main(options) {
  console.error('building Keyrack');
  await run('cargo', ['build', '--release', '--locked', '--quiet', '--bin', 'keyrack'], { cwd: ROOT, show: true });
  // Passwords are hashed by the peers' own program when tables are filled.
  await run('cargo', ['build', '--release', '--locked', '--quiet', '-p', 'argon2-rate'], { cwd: path.join(ROOT, 'bench/peers'), show: true });
  folder = mkdtempSync(path.join(os.tmpdir(), 'keyrack-instances-'));
  const postgres = await Postgres.start(folder);
  const pooler = await PgBouncer.start(folder, postgres);
  if (!pooler) console.error('PgBouncer is not installed: it is NOT MEASURED (Debian: apt-get install pgbouncer)');
  const direct = new KeyrackPostgres({ folder, postgres });
  await direct.prepare(options.sessions);
  const file = save(path.join(folder, 'session.requests'), direct.session());
  const ways = [
    { label: 'one instance', system: direct, count: 1 },
    { label: 'two instances', system: direct, count: 2 },
    ...(pooler ? [
      { label: 'one instance, PgBouncer', system: new Pooled(direct, pooler), count: 1, pooler },
      { label: 'two instances, PgBouncer', system: new Pooled(direct, pooler), count: 2, pooler },
    ] : []),
  ];
  const found = new Map(ways.map(({ label }) => [label, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const [n] of ways.entries()) {
      const way = ways[(n + round) % ways.length];
      await direct.settle();
      const servers = [];
      for (let k = 0; k < way.count; k++) servers.push(await way.system.start());
      await Promise.all(servers.map(({ port }) => load({ port, file, seconds: 1 })));
      const figures = await measure({ postgres, pooler: way.pooler }, servers, file, options.seconds);
      found.get(way.label).push(figures);
      console.error(`round ${round + 1}, ${way.label}: ${Math.round(figures.rps)} a second`);
      if (way.count === 2 && round === 0) {
        const { alive, slowest } = await ends(direct, servers, file, options.ends, options.seconds);
        found.get(way.label).ends = `${options.ends - alive} of ${options.ends}, each within ${slowest.toFixed(0)} ms`;
        if (alive > 0) process.exitCode = 1;
      }
      for (const server of servers) await server.stop();
    }
  }
  const head = ['authenticated GET', 'req/s', 'p99 ms', 'app µs', 'database µs', 'PgBouncer µs', 'ended on the other: refused'];
  console.log(table(head, ways.map(({ label }) => {
    const rounds = found.get(label);
    const figures = ['rps', 'p99', 'app', 'database', 'pooler'].map((field) => ranged(spread(rounds.map((one) => one[field]))));
    return [label, ...figures, rounds.ends ?? '–'];
  })));
}

function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.at(-1) === 0) return null;
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) };
}

const options = parse(process.argv.slice(2));
if (!options) {
  console.log(HELP);
  process.exit(process.argv.includes('--help') ? 0 : 2);
}
try {
  await main(options);
} catch (error) {
  if (isEnding()) await new Promise(() => {});
  console.error(`\nThe run failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}
