// bench/compare: two builds of Keyrack, taking turns on both engines.

import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benchmark, say, usageError } from './host/benchmark.mjs';
import { Postgres } from './host/postgres.mjs';
import { requireTools } from './host/requirements.mjs';
import { measure, warmUp } from './load/measurement.mjs';
import { save } from './load/requests.mjs';
import { comparison } from './report/comparison.mjs';
import { Results } from './results.mjs';
import { KeyrackPostgres, KeyrackSqlite } from './systems/keyrack.mjs';
import { changing } from './workloads/rounds.mjs';

const HELP = `bench/compare OLD NEW: compares two keyrack programs, side by side.

Prints the CPU that each spends per request, requests per second and latency, with the ratio of NEW to OLD. Both run
all the time, each on its own database; each workload is measured with one right after the other, and the first
alternates from round to round. Ratios are taken within each round. A build is called better or worse only if all of at
least five rounds show it.

  --rounds N      how often each measurement is repeated (default 5, which takes about five minutes)
  --seconds S     how long each measurement lasts (default 3)
  --sessions N    how many sessions each database holds (default 20000)
  --only ENGINE   sqlite or postgres alone
  --workload NAME session, sign-in, sign-out or "device page" alone
  --old-env NAME=VALUE, --new-env NAME=VALUE
                  a setting that only one of them has; can be given several times. What a setting costs is measured with
                  one program on both sides: bench/compare P P --old-env KEYRACK_JOURNAL=off --new-env KEYRACK_JOURNAL=e.ends
  --old-sql SQL, --new-sql SQL
                  statements that only one database gets after each start of its server, to measure what a trigger costs
  --help          this text
`;

const ENGINES = { sqlite: KeyrackSqlite, postgres: KeyrackPostgres };
const BUILDS = ['old', 'new'];
const DEVICE_PAGE_USERS = 10;

function parse(args) {
  const number = (fallback) => ({ type: 'string', default: fallback });
  let found;
  try {
    found = parseArgs({
      args, allowPositionals: true,
      options: {
        rounds: number('5'), seconds: number('3'), sessions: number('20000'),
        only: { type: 'string' }, workload: { type: 'string' },
        'old-env': { type: 'string', multiple: true, default: [] },
        'new-env': { type: 'string', multiple: true, default: [] },
        'old-sql': { type: 'string' }, 'new-sql': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw usageError(`${error.message}\n\n${HELP}`);
  }
  const { values: { help, only, workload }, positionals } = found;
  const [rounds, seconds, sessions] = ['rounds', 'seconds', 'sessions'].map((name) => Number(found.values[name]));
  const isValid = [rounds, seconds, sessions].every((value) => Number.isInteger(value) && value > 0)
    && positionals.length === 2 && (only === undefined || only in ENGINES)
    && (workload === undefined || workload in WORKLOADS);
  if (!help && !isValid) throw usageError(HELP);
  return {
    help, rounds, seconds, sessions, programs: positionals,
    engines: only ? [only] : Object.keys(ENGINES),
    workloads: workload ? [workload] : Object.keys(WORKLOADS),
    settings: BUILDS.map((build) => environment(found.values[`${build}-env`])),
    statements: BUILDS.map((build) => found.values[`${build}-sql`]),
  };
}

/** Reads arguments such as KEYRACK_WORKERS=4. */
function environment(assignments) {
  return Object.fromEntries(assignments.map((assignment) => {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(assignment) ?? [];
    if (!name) throw usageError(`"${assignment}" is not NAME=VALUE`);
    return [name, value];
  }));
}

/** Both builds on one engine, each with its own database. */
async function prepare(host, engine, { programs, settings, statements, sessions }) {
  const systems = programs.map((program, n) => {
    const system = new ENGINES[engine](host, `_${BUILDS[n]}`, program);
    return Object.assign(system, { name: `${engine}/${BUILDS[n]}`, settings: settings[n], statements: statements[n] });
  });
  for (const system of systems) {
    say(`${system.name}: filling ${sessions.toLocaleString('en')} sessions`);
    await system.prepare(sessions);
    const file = path.join(host.folder, system.name.replace('/', '-'));
    system.pages = save(`${file}.pages`, await system.devicePage(DEVICE_PAGE_USERS, 0));
    system.file = save(`${file}.session`, system.session());
  }
  return systems;
}

const WORKLOADS = {
  session: ({ host, system, server, seconds }) => measure(host, system, server, { file: system.file, seconds }),
  'sign-in': ({ host, system, server, seconds }) => changing(host, system, server, 'sign-in', seconds),
  'sign-out': ({ host, system, server, seconds }) => changing(host, system, server, 'sign-out', seconds),
  'device page': ({ host, system, server, seconds }) => measure(host, system, server, { file: system.pages, seconds }),
};

/** One round: all workloads, on both builds in turns. */
async function round(host, systems, number, { seconds, workloads }, results) {
  const pairs = [];
  for (const system of systems) {
    await system.settle();
    const server = await system.start();
    if (system.statements) await system.tables.sql(system.statements);
    await warmUp(server, system.file);
    pairs.push({ system, server });
  }
  if (number % 2 === 0) pairs.reverse();
  for (const workload of workloads) {
    for (const { system, server } of pairs) {
      const found = await WORKLOADS[workload]({ host, system, server, seconds });
      results.add({ workload, system: system.name, round: number, ...found });
      say(`round ${number}, ${system.name}, ${workload}: ${found.appCpu.toFixed(1)} µs of app CPU per request`);
    }
  }
  for (const { server } of pairs) await server.stop();
}

await benchmark(async (makeFolder) => {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  options.programs = options.programs.map((program) => {
    try {
      accessSync(program, constants.X_OK);
    } catch {
      throw usageError(`${program} is not a program`);
    }
    return path.resolve(program);
  });
  await requireTools(['wrk', 'postgresql', 'sqlite3']);
  const folder = makeFolder();
  const host = { folder, postgres: await Postgres.start(folder) };
  const results = Results.begin({ ...options, long: false }, { postgres: await host.postgres.version() });
  const engines = [];
  for (const engine of options.engines) engines.push(await prepare(host, engine, options));
  for (let number = 1; number <= options.rounds; number++) {
    for (const systems of engines) await round(host, systems, number, options, results);
  }
  console.log(comparison(results, options.engines, options.workloads));
});
