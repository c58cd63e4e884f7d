// bench/run: measures Keyrack beside its peers, and reports.

import { benchmark, say } from './host/benchmark.mjs';
import { Postgres } from './host/postgres.mjs';
import { isEnding } from './host/processes.mjs';
import { Redis } from './host/redis.mjs';
import { build, requireTools } from './host/requirements.mjs';
import { HELP, parse } from './options.mjs';
import { report } from './report/index.mjs';
import { Results } from './results.mjs';
import { systems } from './systems/index.mjs';
import * as devicePage from './workloads/device-page.mjs';
import * as growth from './workloads/growth.mjs';
import * as purge from './workloads/purge.mjs';
import * as rounds from './workloads/rounds.mjs';
import * as signInHashed from './workloads/sign-in-hashed.mjs';

/** Records measurements. A failed measurement fails the run, but only after the other measurements. */
function recorder(results) {
  const record = (values) => results.add(values);
  const measured = async (key, action) => {
    try {
      const values = await action();
      record({ ...key, ...values });
      return values;
    } catch (error) {
      if (isEnding()) throw error;
      say(`FAILED: ${key.system}, ${key.workload}, round ${key.round}: ${error.message}`);
      results.fail(key, error.message);
      return null;
    }
  };
  return { record, measured };
}

async function measureAll(options, makeFolder) {
  await requireTools();
  say('building Keyrack and its peers');
  await build();
  const folder = makeFolder();
  const host = { folder, postgres: await Postgres.start(folder), redis: await Redis.start(folder) };
  const results = Results.begin(options, { postgres: await host.postgres.version() });
  const context = { host, systems: systems(host, options.only), options, say, ...recorder(results) };
  results.describe(context.systems);
  try {
    await work(context);
  } catch (error) {
    if (isEnding()) throw error;
    say(`FAILED: ${error.message}`);
    results.fail({ system: 'all systems', workload: 'the remaining workloads', round: 0 }, error.message);
  }
  return results;
}

async function work(context) {
  const { workloads } = context.options;
  const inRounds = rounds.NAMES.filter((name) => workloads.includes(name));
  if (inRounds.length > 0) await rounds.run(context, inRounds);
  for (const workload of [devicePage, signInHashed, purge, growth]) {
    if (workloads.includes(workload.NAME)) await workload.run(context);
  }
}

await benchmark(async (makeFolder) => {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  const results = options.from ? Results.load(options.from) : await measureAll(options, makeFolder);
  if (!options.from) say(`saved as ${results.save()}`);
  report(results, options);
  if (results.failures.length > 0) throw new Error(`${results.failures.length} measurements failed; see above`);
});
