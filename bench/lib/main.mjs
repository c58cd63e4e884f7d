// bench/run: takes care of everything around the measurements, and of its end.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Postgres } from './host/postgres.mjs';
import { isEnding, stopAll } from './host/processes.mjs';
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

const started = Date.now();
let folder;

function say(line) {
  const seconds = String(Math.round((Date.now() - started) / 1000)).padStart(4);
  console.error(`${seconds} s  ${line}`);
}

/** Ends everything, once. */
async function cleanUp() {
  await stopAll();
  if (folder) rmSync(folder, { recursive: true, force: true });
}

for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  process.once(signal, async () => {
    console.error('\nending everything');
    await cleanUp();
    process.exit(status);
  });
}

/** Takes down what is measured. A measurement that fails makes the run fail, but not before the others had their turn. */
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

async function measureAll(options) {
  await requireTools();
  say('building Keyrack and its peers');
  await build();
  folder = mkdtempSync(path.join(os.tmpdir(), 'keyrack-bench-'));
  const host = { folder, postgres: await Postgres.start(folder), redis: await Redis.start(folder) };
  const results = Results.begin(options, { postgres: await host.postgres.version() });
  const context = { host, systems: systems(host, options.only), options, say, ...recorder(results) };
  results.describe(context.systems);
  try {
    await work(context);
  } catch (error) {
    if (isEnding()) throw error;
    say(`FAILED: ${error.message}`);
    results.fail({ system: 'everything', workload: 'what was left', round: 0 }, error.message);
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

async function main() {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  const results = options.from ? Results.load(options.from) : await measureAll(options);
  if (!options.from) say(`saved as ${results.save()}`);
  report(results, options);
  if (results.failures.length > 0) throw new Error(`${results.failures.length} measurements failed, as was said above`);
}

try {
  await main();
} catch (error) {
  if (isEnding()) await new Promise(() => {}); // whoever ends everything ends this too
  console.error(`\n${error.isUsage ? error.message : `The run failed: ${error.message}`}`);
  process.exitCode = error.isUsage ? 2 : 1;
} finally {
  await cleanUp();
}
