// bench/instances: one instance of Keyrack and two on one PostgreSQL, with and without PgBouncer; and whether a session
// ended on one instance is refused by the other while both are under load.

import path from 'node:path';
import { benchmark, say, usageError } from './host/benchmark.mjs';
import { request } from './host/network.mjs';
import { PgBouncer } from './host/pgbouncer.mjs';
import { Postgres } from './host/postgres.mjs';
import { cpuOf } from './host/proc.mjs';
import { run } from './host/processes.mjs';
import { ROOT } from './host/requirements.mjs';
import { save } from './load/requests.mjs';
import { CONNECTIONS, load } from './load/wrk.mjs';
import { ranged, table } from './report/text.mjs';
import { spreadOf } from './results.mjs';
import { KeyrackPostgres } from './systems/keyrack.mjs';

const HELP = `bench/instances: several instances of Keyrack on one PostgreSQL against one.

  --rounds N     how often each measurement is repeated (default 3)
  --seconds S    how long each lasts (default 4)
  --sessions N   how many sessions the database holds (default 100000)
  --ends N       how many sessions are ended on one instance and checked on the other (default 500)
`;

function parse(args) {
  const options = { rounds: 3, seconds: 4, sessions: 100_000, ends: 500 };
  for (let place = 0; place < args.length; place += 2) {
    const name = args[place].slice(2);
    const number = Number(args[place + 1]);
    if (!(name in options) || !Number.isInteger(number) || number < 1) throw usageError(HELP);
    options[name] = number;
  }
  return options;
}

/** Keyrack on the same tables, connected through a pooler. */
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

/** Measures all servers together, under the load that a single one would get, and the CPU of each side. */
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

/** Ends sessions on one server and checks each on the other at once, while both are under load. Returns how many were alive. */
async function ends(system, [one, other], file, count, seconds) {
  const requests = await system.signOut(count);
  const loads = Promise.all([one, other].map(({ port }) => load({ port, file, seconds, connections: 8 })));
  let alive = 0;
  let slowest = 0;
  for (const [n, text] of requests.entries()) {
    const [head, body] = text.split('\r\n\r\n');
    const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => line.split(': ')));
    const [here, there] = n % 2 === 0 ? [one, other] : [other, one];
    const check = () => request(there.port, { path: '/api/session', headers: { cookie: headers.Cookie } });
    if ((await check()).status !== 200) throw new Error('a session had ended before its sign-out');
    const ended = await request(here.port, { method: 'POST', path: '/logout', headers, body });
    if (ended.status !== 303) throw new Error(`a sign-out was answered with ${ended.status}`);
    const started = performance.now();
    if ((await check()).status !== 401) alive += 1;
    slowest = Math.max(slowest, performance.now() - started);
  }
  await loads;
  return { alive, slowest };
}

async function main(options, folder) {
  say('building Keyrack');
  await run('cargo', ['build', '--release', '--locked', '--quiet', '--bin', 'keyrack'], { cwd: ROOT, show: true });
  const postgres = await Postgres.start(folder);
  const pooler = await PgBouncer.start(folder, postgres);
  if (!pooler) say('PgBouncer is not installed: it is NOT MEASURED (Debian: apt-get install pgbouncer)');
  const direct = new KeyrackPostgres({ folder, postgres });
  await direct.prepare(options.sessions);
  const file = save(path.join(folder, 'session.requests'), direct.session());
  const setups = [
    { label: 'one instance', system: direct, count: 1 },
    { label: 'two instances', system: direct, count: 2 },
    ...(pooler ? [
      { label: 'one instance, PgBouncer', system: new Pooled(direct, pooler), count: 1, pooler },
      { label: 'two instances, PgBouncer', system: new Pooled(direct, pooler), count: 2, pooler },
    ] : []),
  ];
  const found = new Map(setups.map(({ label }) => [label, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const [n] of setups.entries()) {
      const setup = setups[(n + round) % setups.length];
      await direct.settle();
      const servers = [];
      for (let k = 0; k < setup.count; k++) servers.push(await setup.system.start());
      await Promise.all(servers.map(({ port }) => load({ port, file, seconds: 1 })));
      const figures = await measure({ postgres, pooler: setup.pooler }, servers, file, options.seconds);
      found.get(setup.label).push(figures);
      say(`round ${round + 1}, ${setup.label}: ${Math.round(figures.rps)} per second`);
      if (setup.count === 2 && round === 0) {
        const { alive, slowest } = await ends(direct, servers, file, options.ends, options.seconds);
        found.get(setup.label).ends = `${options.ends - alive} of ${options.ends}, each within ${slowest.toFixed(0)} ms`;
        if (alive > 0) process.exitCode = 1;
      }
      for (const server of servers) await server.stop();
    }
  }
  const head = ['authenticated GET', 'req/s', 'p99 ms', 'app µs', 'database µs', 'PgBouncer µs', 'ended on the other: refused'];
  console.log(table(head, setups.map(({ label }) => {
    const rounds = found.get(label);
    const figures = ['rps', 'p99', 'app', 'database', 'pooler'].map((field) => ranged(spread(rounds.map((one) => one[field]))));
    return [label, ...figures, rounds.ends ?? '–'];
  })));
}

/** The spread of a figure; null for the CPU of a side that does not take part. */
function spread(values) {
  return values.every((value) => value === 0) ? null : spreadOf(values);
}

await benchmark(async (makeFolder) => {
  const args = process.argv.slice(2);
  if (args.includes('--help')) return console.log(HELP);
  await main(parse(args), makeFolder());
});
