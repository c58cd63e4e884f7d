// A load: wrk with so many keep-alive connections, for so long.

import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '../host/processes.mjs';

export const CONNECTIONS = 32;
const SCRIPT = fileURLToPath(new URL('requests.lua', import.meta.url));
let runs = 0;

/**
 * Sends the requests of a file in turn and returns requests a second and latencies in milliseconds. An answer that is
 * an error, or a broken connection, fails the run: such a figure would be of something else. With `once`, each request
 * may be sent once only.
 */
export async function load({ port, file, seconds, connections = CONNECTIONS, once = false, tolerant = false }) {
  const result = `${file}.result${(runs += 1)}`;
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', SCRIPT, `http://127.0.0.1:${port}/`];
  await run('wrk', args, { env: { BENCH_REQUESTS: file, BENCH_RESULT: result } });
  const found = JSON.parse(readFileSync(result, 'utf8'));
  rmSync(result);
  const { requests, microseconds, laps } = found;
  const errors = ['status', 'connect', 'read', 'write', 'timeout'].filter((kind) => found[kind] > 0);
  if (errors.length > 0 && !tolerant) {
    throw new Error(`of ${requests} answers, not all were good: ${errors.map((kind) => `${kind} ${found[kind]}`).join(', ')}`);
  }
  if (requests === 0) throw new Error('no request was answered');
  if (once && laps > 0) throw new Error('there were not enough requests that could be sent once');
  return {
    requests,
    bad: found.status,
    rps: (requests * 1e6) / microseconds,
    p50: found.p50 / 1000,
    p99: found.p99 / 1000,
    max: found.max / 1000,
  };
}
