// bench/floods: clients that misuse their connections, against a Keyrack on this machine alone.

import { accessSync, constants } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { benchmark, say, usageError } from './host/benchmark.mjs';
import { freePort, request, retry } from './host/network.mjs';
import { memoryOf } from './host/proc.mjs';
import { start, stop } from './host/processes.mjs';
import { keyrackBinary } from './host/requirements.mjs';
import { table } from './report/text.mjs';

const HELP = `bench/floods [PROGRAM]: what clients that misuse their connections cost a keyrack program.

Each flood comes from 127.0.0.1, against a server of its own on SQLite, with 2 workers and a soft limit of 1,024 open
files. Meanwhile a client on 127.0.0.2 opens a connection per request, and its latency is compared with that
before the flood. PROGRAM is by default the release build.

  --connections N  connections of a flood (default 1000)
  --requests N     pipelined requests per connection (default 2000)
  --seconds S      how long a flood is held (default 15)
  --only NAME      only this flood: ${'pipelining, half-head, late-half-head, slow-body, long-head or idle'}
  --help           this text
`;

const ATTACKER = '127.0.0.1';
const VISITOR = '127.0.0.2';
const OPEN_FILES = 1024;
const GET = 'GET /login HTTP/1.1\r\nHost: x\r\n\r\n';
/** A visitor's request that takes longer has failed. */
const VISITOR_TIMEOUT_MS = 5000;

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
  idle: { opening: () => 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' },
};

function parse(args) {
  const text = (fallback) => ({ type: 'string', default: fallback });
  let found;
  try {
    found = parseArgs({
      args, allowPositionals: true,
      options: {
        connections: text('1000'), requests: text('2000'), seconds: text('15'), only: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw usageError(`${error.message}\n\n${HELP}`);
  }
  const { values: { help, only }, positionals } = found;
  const [connections, requests, seconds] =
    ['connections', 'requests', 'seconds'].map((name) => Number(found.values[name]));
  const isValid = [connections, requests, seconds].every((value) => Number.isInteger(value) && value > 0)
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
function flood({ opening, drip, reads = true }, port, options) {
  const socket = net.connect({ host: ATTACKER, port, localAddress: ATTACKER });
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

/** The milliseconds of one request on a connection of its own; the timeout if it fails. */
function visit(port) {
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = net.connect({ host: '127.0.0.1', port, localAddress: VISITOR, timeout: VISITOR_TIMEOUT_MS });
    const done = (milliseconds) => {
      socket.destroy();
      resolve(milliseconds);
    };
    socket.once('data', () => done(performance.now() - began));
    for (const event of ['error', 'timeout', 'end']) socket.once(event, () => done(VISITOR_TIMEOUT_MS));
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  });
}

/** The visitor's latencies until `until`. */
async function visits(port, until) {
  const found = [];
  while (performance.now() < until) {
    found.push(await visit(port));
    await sleep(5);
  }
  return found.sort((a, b) => a - b);
}

const p99 = (sorted) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))];

async function measure(name, options, folder) {
  const { child, port } = await startKeyrack(options.program, folder, name);
  await visits(port, performance.now() + 1000);
  const calm = await visits(port, performance.now() + 4000);
  const before = memoryOf(child.pid);
  say(`${name}: ${options.connections} connections`);
  const connections = [];
  for (let number = 0; number < options.connections; number++) {
    connections.push(flood(FLOODS[name], port, options));
    if (number % 50 === 49) await sleep(10);
  }
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, memoryOf(child.pid))), 250);
  const flooded = await visits(port, performance.now() + options.seconds * 1000);
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
    name, before.toFixed(0), peak.toFixed(0), after.toFixed(0), p99(calm).toFixed(1), p99(flooded).toFixed(1),
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
    'flood', 'MB before', 'MB at most', 'MB after', 'p99 before, ms', 'p99 during, ms', 'failed visits',
    'longest life, s', 'still open',
  ], rows));
});
