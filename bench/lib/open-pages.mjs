// bench/open-pages: how fast an open page learns that its session has ended, and what open pages cost.

import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { benchmark, say, usageError } from './host/benchmark.mjs';
import { Postgres } from './host/postgres.mjs';
import { cpuOf, memoryOf } from './host/proc.mjs';
import { run } from './host/processes.mjs';
import { ROOT } from './host/requirements.mjs';
import { pacedLoad } from './load/paced.mjs';
import { save } from './load/requests.mjs';
import { table } from './report/text.mjs';
import { KeyrackPostgres, KeyrackSqlite } from './systems/keyrack.mjs';

const HELP = `bench/open-pages: how fast an open page learns that its session has ended, and what open pages cost.

  --ends N      sessions that are ended while a page of each is open (default 200)
  --pages N     pages that are open at once (default 10000; 0 leaves that part out)
  --seconds S   how long they are open (default 30)
`;

/** The pages come from so many networks: one network has a share of the connections only. */
const NETWORKS = 100;

function parse(args) {
  const options = { ends: 200, pages: 10_000, seconds: 30 };
  for (let place = 0; place < args.length; place += 2) {
    const name = args[place].slice(2);
    const number = Number(args[place + 1]);
    if (!(name in options) || !Number.isInteger(number) || number < 0) throw usageError(HELP);
    options[name] = number;
  }
  return options;
}

/** An open stream, which counts the bytes that it has received. */
class Page {
  bytes = 0;
  #text = '';
  #waiting = [];

  constructor(port, cookie, localAddress = '127.0.0.1') {
    this.socket = net.connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => {
      this.bytes += chunk.length;
      if (this.#waiting.length === 0 && this.#text.length > 4096) this.#text = '';
      this.#text += chunk;
      this.#waiting = this.#waiting.filter(({ text, resolve }) => {
        if (!this.#text.includes(text)) return true;
        resolve(performance.now());
        return false;
      });
    });
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.write(`GET /account/events HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
  }

  /** Waits for an event, and returns when it came. */
  event(name) {
    const text = `event: ${name}\n`;
    if (this.#text.includes(text)) return Promise.resolve(performance.now());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve });
      this.closed.then(() => reject(new Error(`the stream ended without ${name}: ${this.#text}`)));
    });
  }
}

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const cookieOf = (text) => /\r\nCookie: ([^\r]+)/i.exec(text)[1];

/** Sends a sign-out on a connection of its own. Returns when it was sent, and closes the connection after the answer. */
function press(port, text) {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      const sent = performance.now();
      socket.write(text);
      socket.once('data', (answer) => {
        socket.destroy();
        if (`${answer}`.startsWith('HTTP/1.1 303 ')) resolve(sent);
        else reject(new Error(`the sign-out was answered with ${answer}`));
      });
    });
  });
}

/** Ends sessions, one after the other, while a page of each is open on `watched`. */
async function ends(system, acting, watched, count) {
  const presses = await system.signOut(count);
  const times = [];
  for (const text of presses) {
    const page = new Page(watched.port, cookieOf(text));
    await page.event('open');
    const ended = page.event('session-ended');
    const sent = await press(acting.port, text);
    times.push((await ended) - sent);
    page.socket.destroy();
  }
  return times.sort((one, other) => one - other);
}

async function measureEnds(system, instances, count) {
  const servers = [];
  for (let n = 0; n < instances; n++) servers.push(await system.start());
  await ends(system, servers[0], servers.at(-1), 20);
  const times = await ends(system, servers[0], servers.at(-1), count);
  for (const server of servers) await server.stop();
  say(`${system.label}, ${instances} instance(s): p99 ${percentile(times, 0.99).toFixed(1)} ms`);
  const figures = [0.5, 0.99, 1].map((share) => percentile(times, share).toFixed(1));
  return [`${system.label}, ${instances === 1 ? 'same instance' : 'another instance'}`, ...figures];
}

/** Opens a page as the script does: after a lost connection again, after growing pauses of random length. */
function keepOpen(state, port, cookie, localAddress) {
  let attempts = 0;
  const open = () => {
    if (state.isOver) return;
    state.attempts.push(performance.now());
    const page = new Page(port, cookie, localAddress);
    state.pages.add(page);
    page.event('open').then(() => {
      attempts = 0;
      state.opened += 1;
    }, () => {});
    page.closed.then(() => {
      state.pages.delete(page);
      setTimeout(open, Math.min(60_000, 4000 * 2 ** attempts) * (0.25 + Math.random()));
      attempts += 1;
    });
  };
  open();
}

/** The most attempts within any second. */
function peak(times) {
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while (times[last] - times[first] > 1000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

async function until(isTrue, what, timeout = 120_000) {
  const started = performance.now();
  while (!isTrue()) {
    if (performance.now() - started > timeout) throw new Error(`${what} after ${timeout / 1000} s`);
    await sleep(20);
  }
  return performance.now() - started;
}

async function measurePages(system, { pages, seconds }, folder) {
  const file = save(path.join(folder, `${system.name}.requests`), system.session());
  system.settings = { KEYRACK_MAX_CONNECTIONS: `${pages + 1000}` };
  let server = await system.start();
  await pacedLoad({ port: server.port, file, seconds: 3 });
  const [calm, memory] = [await pacedLoad({ port: server.port, file, seconds }), memoryOf(server.pid)];
  const state = { pages: new Set(), attempts: [], opened: 0, isOver: false };
  for (let n = 0; n < pages; n++) {
    keepOpen(state, server.port, system.cookies[n % system.cookies.length], `127.0.${1 + (n % NETWORKS)}.1`);
    if (n % 100 === 99) await sleep(20);
  }
  await until(() => state.opened === pages, `${state.opened} of ${pages} pages are open`);
  await sleep(2000);
  const kilobytes = ((memoryOf(server.pid) - memory) * 1000) / pages;
  const [before, bytes] = [cpuOf(server.pid), sum(state.pages)];
  await sleep(seconds * 1000);
  const cpu = ((cpuOf(server.pid) - before) / (seconds * 1e6)) * 100;
  const wire = (sum(state.pages) - bytes) / pages / seconds;
  const beside = await pacedLoad({ port: server.port, file, seconds });
  // Everybody comes back after a restart.
  const { port } = server;
  const stopped = performance.now();
  await server.stop();
  state.attempts = [];
  state.opened = 0;
  server = await system.start({ port });
  const back = pacedLoad({ port, file, seconds: 20 });
  await until(() => state.opened >= pages, `${state.opened} of ${pages} pages are back`);
  const took = performance.now() - stopped;
  const during = await back;
  state.isOver = true;
  for (const page of state.pages) page.socket.destroy();
  await server.stop();
  return [
    system.label, kilobytes.toFixed(1), cpu.toFixed(1), wire.toFixed(2), calm.p99.toFixed(2), beside.p99.toFixed(2),
    (beside.p99 / calm.p99).toFixed(2), String(peak(state.attempts)), (took / 1000).toFixed(1), during.p99.toFixed(1),
    String(during.bad),
  ];
}

const sum = (pages) => [...pages].reduce((bytes, page) => bytes + page.bytes, 0);

await benchmark(async (makeFolder) => {
  const args = process.argv.slice(2);
  if (args.includes('--help')) return console.log(HELP);
  const options = parse(args);
  const folder = makeFolder();
  say('building Keyrack');
  await run('cargo', ['build', '--release', '--locked', '--quiet', '--bin', 'keyrack'], { cwd: ROOT, show: true });
  const postgres = await Postgres.start(folder);
  const systems = [new KeyrackSqlite({ folder, postgres }), new KeyrackPostgres({ folder, postgres })];
  const [ending, open] = [[], []];
  for (const system of systems) {
    await system.prepare(10_000);
    for (const instances of [1, 2]) ending.push(await measureEnds(system, instances, options.ends));
  }
  console.log(table(['from the press to the event, ms', 'p50', 'p99', 'max'], ending));
  if (options.pages === 0) return;
  for (const system of systems) open.push(await measurePages(system, options, folder));
  console.log(table([
    `${options.pages} open pages`, 'kB each', 'CPU at rest, % of a core', 'bytes/s each', 'checks alone, p99 ms',
    'beside them, p99 ms', 'ratio', 'after a restart: most attempts in a second', 'all back after, s',
    'checks meanwhile, p99 ms', 'failed',
  ], open));
});
