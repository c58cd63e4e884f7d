// bench/floods: clients that misuse their connections, against a Keyrack on this machine alone.

import { accessSync, constants } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { VISITOR_TIMEOUT_MS } from './flood-visitor.mjs';
import { benchmark, say, usageError } from './host/benchmark.mjs';
import { freePort, request, retry } from './host/network.mjs';
import { memoryOf } from './host/proc.mjs';
import { start, stop } from './host/processes.mjs';
import { keyrackBinary } from './host/requirements.mjs';
import { table } from './report/text.mjs';

const HELP = `bench/floods [PROGRAM]: what clients that misuse their connections cost a keyrack program.

Each flood comes from 127.0.0.1, or from addresses of eight networks, against a server of its own on SQLite, with 2
workers and a soft limit of 1,024 open files. Meanwhile a client of another network opens a connection per request, in a
thread of its own, and its latency is compared with that before the flood. PROGRAM is by default the release build.

  --connections N  connections of a flood (default 4000 for idle and crowd, else 1000)
  --requests N     pipelined requests per connection (default 2000)
  --seconds S      how long a flood is held (default 15)
  --only NAME      only this flood: pipelining, half-head, late-half-head, slow-body, long-head, idle or crowd
  --help           this text
`;

const ATTACKER = '127.0.0.1';
/** Each in another IPv4 /24. */
const CROWD = Array.from({ length: 8 }, (_, number) => `127.0.${number + 100}.1`);
const OPEN_FILES = 1024;
const GET = 'GET /login HTTP/1.1\r\nHost: x\r\n\r\n';
/**
 * The floods: what each connection sends at first, and then every second. The clients of the first one never read, so
 * they can't tell when they are closed.
 */
const FLOODS = {
  pipelining: { opening: ({ requests }) => GET.repeat(requests), reads: false },
  'half-head': { opening: () => 'GET /lo', drip: () => 'x' },
  'late-half-head': { opening: () => `GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /lo`, drip: () => 'x' },
  'slow-body': {
    opening: () => 'POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n'
      + 'Transfer-Encoding: chunked\r\n\r\n',
    drip: () => '1\r\nx\r\n',
  },
  'long-head': { opening: () => `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(30_000)}` },
  idle: { opening: () => 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', connections: 4000 },
  crowd: {
    opening: () => 'POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n'
      + 'Content-Length: 9\r\n\r\nx',
    connections: 4000, addresses: CROWD,
  },
};

function parse(args) {
  const text = (fallback) => ({ type: 'string', default: fallback });
  let found;
  try {
    found = parseArgs({
      args, allowPositionals: true,
      options: {
        connections: { type: 'string' }, requests: text('2000'), seconds: text('15'), only: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw usageError(`${error.message}\n\n${HELP}`);
  }
  const { values: { help, only }, positionals } = found;
  const [requests, seconds] = ['requests', 'seconds'].map((name) => Number(found.values[name]));
  const connections = found.values.connections === undefined ? undefined : Number(found.values.connections);
  const isValid = [connections ?? 1, requests, seconds].every((value) => Number.isInteger(value) && value > 0)
    && positionals.length <= 1 && (only === undefined || only in FLOODS);
  if (!help && !isValid) throw usageError(HELP);
  const program = path.resolve(positionals[0] ?? keyrackBinary());
  return { help, connections, requests, seconds, program, floods: only ? [only] : Object.keys(FLOODS) };
}

/** Keyrack with an empty database. */
async function startKeyrack(program, folder, name) {
  const port = await freePort();
  const env = {
    DATABASE_URL: `sqlite:${path.join(folder, `${name}.db`)}`, KEYRACK_BIND: `127.0.0.1:${port}`, KEYRACK_WORKERS: '2',
    KEYRACK_SECRETS: 'the-public-secret-of-the-benchmark', KEYRACK_LOG: 'error',
  };
  // Most systems start services with this limit. A program may raise it.
  const child = start('bash', ['-c', `ulimit -S -n ${OPEN_FILES}; exec "$0" serve`, program], { env, cwd: folder });
  await retry(() => request(port, { path: '/healthz' }), child, 'keyrack');
  return { child, port };
}

/** Opens one connection of a flood. `life` is in milliseconds, once it has been closed. */
function flood({ opening, drip, reads = true, addresses = [ATTACKER] }, port, options, number) {
  const socket = net.connect({ host: ATTACKER, port, localAddress: addresses[number % addresses.length] });
  const connection = { socket, life: null };
  const opened = performance.now();
  socket.on('error', () => {});
  socket.on('close', () => {
    connection.life = performance.now() - opened;
    clearInterval(connection.timer);
  });
  socket.on('end', () => socket.destroy());
  if (reads) socket.resume();
  socket.write(opening(options));
  if (drip) connection.timer = setInterval(() => socket.write(drip()), 1000);
  return connection;
}

/** The visitor's latencies during so many milliseconds, sorted. */
function visits(port, milliseconds) {
  const visitor = new Worker(new URL('flood-visitor.mjs', import.meta.url), { workerData: { port, milliseconds } });
  return new Promise((resolve, reject) => {
    visitor.once('message', (latencies) => resolve(latencies.sort((a, b) => a - b)));
    visitor.once('error', reject);
  });
}

const p99 = (sorted) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))];

async function measure(name, options, folder) {
  const { child, port } = await startKeyrack(options.program, folder, name);
  await visits(port, 1000);
  const calm = await visits(port, 10_000);
  const before = memoryOf(child.pid);
  const count = options.connections ?? FLOODS[name].connections ?? 1000;
  say(`${name}: ${count} connections`);
  const connections = [];
  for (let number = 0; number < count; number++) {
    connections.push(flood(FLOODS[name], port, options, number));
    if (number % 50 === 49) await sleep(10);
  }
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, memoryOf(child.pid))), 250);
  const flooded = await visits(port, options.seconds * 1000);
  clearInterval(watch);
  const after = memoryOf(child.pid);
  const open = connections.filter(({ life }) => life === null).length;
  const lives = connections.map(({ life }) => life).filter((life) => life !== null);
  for (const { socket, timer } of connections) {
    clearInterval(timer);
    socket.destroy();
  }
  await stop(child);
  return [
    name, String(count), before.toFixed(0), peak.toFixed(0), after.toFixed(0), p99(calm).toFixed(1),
    p99(flooded).toFixed(1), (p99(flooded) / p99(calm)).toFixed(1),
    String(flooded.filter((milliseconds) => milliseconds >= VISITOR_TIMEOUT_MS).length),
    lives.length > 0 ? (Math.max(...lives) / 1000).toFixed(1) : '–', FLOODS[name].reads === false ? '–' : String(open),
  ];
}

await benchmark(async (makeFolder) => {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  try {
    accessSync(options.program, constants.X_OK);
  } catch {
    throw usageError(`${options.program} is not a program`);
  }
  const folder = makeFolder();
  const rows = [];
  for (const name of options.floods) rows.push(await measure(name, options, folder));
  console.log(table([
    'flood', 'connections', 'MB before', 'MB at most', 'MB after', 'p99 before, ms', 'p99 during, ms', 'ratio',
    'failed visits',
    'longest life, s', 'still open',
  ], rows));
});
