// A server of Keyrack whose accounts a measurement has written, for sign-ins one at a time.

import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { usageError } from '../host/benchmark.mjs';
import { freePort, request, retry } from '../host/network.mjs';
import { run, start, stop } from '../host/processes.mjs';
import { keyrackBinary } from '../host/requirements.mjs';
import { Visitor } from '../load/visitor.mjs';
import { PostgresTables, SqliteTables } from './keyrack-tables.mjs';

/** The secret of these servers, for rows whose keys depend on it. */
export const SECRET = 'the-public-secret-of-the-benchmark';

/** Reads the arguments: how many samples, which database, the program, and more options of the measurement. */
export function parseSignInOptions(args, help, samples, more = {}) {
  let found;
  try {
    found = parseArgs({
      args, allowPositionals: true,
      options: {
        samples: { type: 'string', default: String(samples) }, database: { type: 'string', default: 'sqlite' },
        help: { type: 'boolean', short: 'h', default: false }, ...more,
      },
    });
  } catch (error) {
    throw usageError(`${error.message}\n\n${help}`);
  }
  const { values, positionals } = found;
  const count = Number(values.samples);
  const isValid = Number.isInteger(count) && count > 0 && positionals.length <= 1
    && ['sqlite', 'postgres'].includes(values.database);
  if (values.help) return values;
  if (!isValid) throw usageError(help);
  const program = path.resolve(positionals[0] ?? keyrackBinary());
  try {
    accessSync(program, constants.X_OK);
  } catch {
    throw usageError(`${program} is not a program: make one with cargo build --release`);
  }
  return { ...values, samples: count, program };
}

/**
 * Migrates a database of this name, lets `fill` write its accounts, and calls `visit` with a visitor of a server on it.
 * `postgres` is the server to create it on; without one it is a SQLite file.
 */
export async function withSignInServer({ program, folder, name, cost, postgres, fill, settings = {} }, visit) {
  const tables = postgres ? new PostgresTables(postgres, name) : new SqliteTables(path.join(folder, `${name}.db`));
  await tables.create();
  const port = await freePort();
  const env = {
    DATABASE_URL: tables.url, KEYRACK_BIND: `127.0.0.1:${port}`, KEYRACK_WORKERS: '2', KEYRACK_LOG: 'error',
    KEYRACK_SECRETS: SECRET, KEYRACK_HASH_COST: cost, KEYRACK_TRUSTED_PROXIES: '127.0.0.1/32', ...settings,
  };
  await run(program, ['migrate'], { env, cwd: folder });
  await fill(tables);
  const child = start(program, ['serve'], { env, cwd: folder });
  await retry(() => request(port, { path: '/healthz' }), child, 'keyrack');
  const visitor = await Visitor.open(port, child.pid);
  const found = await visit(visitor);
  visitor.close();
  await stop(child);
  return found;
}
