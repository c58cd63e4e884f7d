// The load generator, wrk.

import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '../host/processes.mjs';

export const CONNECTIONS = 32;
const SCRIPT = fileURLToPath(new URL('requests.lua', import.meta.url));
let runs = 0;

/**
 * Sends the requests of a file in turn over keep-alive connections. Returns requests per second and latencies in
 * milliseconds. An error response or a broken connection fails the run, unless it is `tolerant`: the figure would be of
 * refusals. With `once`, no request may be sent twice.
 */
export async function load({ port, file, seconds, connections = CONNECTIONS, once = false, tolerant = false }) {
  const result = `${file}.result${(runs += 1)}`;
  const url = `http://127.0.0.1:${port}/`;
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', SCRIPT, url];
  await run('wrk', args, { env: { BENCH_REQUESTS: file, BENCH_RESULT: result } });
  const found = JSON.parse(readFileSync(result, 'utf8'));
  rmSync(result);
  const { requests, microseconds, laps } = found;
  const errors = ['status', 'connect', 'read', 'write', 'timeout'].filter((kind) => found[kind] > 0);
  if (errors.length > 0 && !tolerant) {
    const list = errors.map((kind) => `${kind} ${found[kind]}`).join(', ');
    throw new Error(`${requests} answers, with errors: ${list}`);
  }
  if (requests === 0) throw new Error('no request was answered');
  if (once && laps > 0) throw new Error('too few requests were prepared: some were sent twice');
  return {
    requests,
    bad: found.status,
    rps: (requests * 1e6) / microseconds,
    p50: found.p50 / 1000,
    p99: found.p99 / 1000,
    max: found.max / 1000,
  };
}
