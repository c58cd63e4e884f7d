// bench/many-sessions: a user with very many sessions: the list of devices, a sign-in, the end of all others, and what
// other users notice of it.

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { benchmark, say, usageError } from './host/benchmark.mjs';
import { request } from './host/network.mjs';
import { Postgres } from './host/postgres.mjs';
import { run } from './host/processes.mjs';
import { ROOT } from './host/requirements.mjs';
import { PACE, pacedLoad } from './load/paced.mjs';
import { save } from './load/requests.mjs';
import { load } from './load/wrk.mjs';
import { short, table } from './report/text.mjs';
import { KeyrackPostgres, KeyrackSqlite } from './systems/keyrack.mjs';
import { MANY_USER } from './systems/keyrack-tables.mjs';
import { PASSWORD } from './systems/system.mjs';

const HELP = `bench/many-sessions: a user with very many sessions, and what other users notice of it.

  --sessions N     how many sessions the user has (default 60000)
  --seconds S      how long the requests of others are measured (default 5)
  --limit N        KEYRACK_MAX_SESSIONS of the second part (default 100)
  --only ENGINE    sqlite or postgres alone
  --program FILE   the keyrack to measure (default: the release build, which is built first)
`;

const SYSTEMS = { sqlite: KeyrackSqlite, postgres: KeyrackPostgres };

/** Connections that check other users' sessions all the time. */
const OTHERS = 2;
const REPEATS = 5;
const END_TIMEOUT_MS = 300_000;

function parse(args) {
  const options = { sessions: 60_000, seconds: 5, limit: 100, only: '', program: '' };
  for (let place = 0; place < args.length; place += 2) {
    const name = args[place].slice(2);
    const value = args[place + 1];
    if (!(name in options) || value === undefined) throw usageError(HELP);
    if (name === 'program') options.program = path.resolve(value);
    else if (name === 'only' && value in SYSTEMS) options.only = value;
    else if (Number.isInteger(Number(value)) && Number(value) > 0) options[name] = Number(value);
    else throw usageError(HELP);
  }
  return options;
}

async function main(options, folder) {
  let program = options.program;
  if (!program) {
    say('building Keyrack');
    await run('cargo', ['build', '--release', '--locked', '--quiet', '--bin', 'keyrack'], { cwd: ROOT, show: true });
  }
  const host = { folder, postgres: await Postgres.start(folder) };
  const kinds = options.only ? [SYSTEMS[options.only]] : Object.values(SYSTEMS);
  const systems = kinds.map((Kind) => new Kind(host, '', program || undefined));
  const found = [];
  for (const system of systems) {
    say(`${system.name}: filling ${options.sessions.toLocaleString('en')} sessions of one user`);
    await system.prepare(MANY_USER); // one session for each user before that one
    found.push({ ...await unlimited(system, options), ...await limited(system, options) });
    await system.drop();
  }
  const names = Object.keys(found[0]);
  console.log(table(['', ...systems.map(({ label }) => label)], names.map((name) => [name, ...found.map((one) => one[name])])));
}

/** Without a limit: the page, a sign-in, and the end of all others while other users send requests. */
async function unlimited(system, { sessions, seconds }) {
  const many = await system.addManySessions(sessions);
  const file = save(path.join(system.host.folder, `${system.name}.others`), system.session());
  const server = await system.start({ maxSessions: 0 });
  const target = { port: server.port, file, seconds };
  const others = () => load({ ...target, connections: OTHERS, tolerant: true });
  // The first requests open connections, and find nothing in caches.
  await load({ ...target, seconds: 1, connections: OTHERS, tolerant: true });
  await pacedLoad({ ...target, seconds: 1 });
  const idle = await others();
  const idlePaced = await pacedLoad(target);
  const pages = await repeated(() => timed(() => page(server, many)));
  const bytes = pages[0].answer.body.length;
  let isOver = false;
  const viewing = (async () => {
    while (!isOver) await page(server, many);
  })();
  const besidePages = await others();
  const besidePagesPaced = await pacedLoad(target);
  isOver = true;
  await viewing;
  const signIns = await repeated(() => timed(() => signIn(server, many)));
  say(`${system.name}: ending all others`);
  const began = performance.now();
  const ending = timed(() => endOthers(server, many));
  const meanwhilePaced = await pacedLoad(target);
  const meanwhile = await others();
  // What was measured after the end would look good.
  if ((await system.manyLeft()) === 1) throw new Error(`all had ended within ${2 * seconds} s: name more --sessions`);
  const end = await ending;
  if (end.answer.headers.location.startsWith('/reauth')) throw new Error('the end of all others asked for the password');
  let left = (await system.manyLeft()) - 1;
  while (left > 0 && performance.now() - began < END_TIMEOUT_MS) {
    await sleep(200);
    left = (await system.manyLeft()) - 1;
  }
  const took = ((performance.now() - began) / 1000).toFixed(0);
  await server.stop();
  const p99 = ({ p99: ms, bad }) => `${short(ms)} ms${bad > 0 ? `, ${bad} refused` : ''}`;
  return {
    'devices, first page: median': `${short(median(pages))} ms`,
    'devices, first page: size': `${short(bytes / 1000)} kB`,
    'sign-in of that user: median': `${statuses(signIns)} ${short(median(signIns))} ms`,
    'sign out all others: answer': `${end.answer.status} after ${(end.ms / 1000).toFixed(1)} s`,
    'sign out all others: all ended': left === 0 ? `${took} s` : `${left.toLocaleString('en')} left after ${took} s`,
    [`p99 of others, ${PACE}/s, idle`]: p99(idlePaced),
    [`p99 of others, ${PACE}/s, beside pages`]: p99(besidePagesPaced),
    [`p99 of others, ${PACE}/s, beside the end`]: p99(meanwhilePaced),
    'p99 of others, full load, idle': p99(idle),
    'p99 of others, full load, beside pages': p99(besidePages),
    'p99 of others, full load, beside the end': p99(meanwhile),
  };
}

/** With a limit: a sign-in of a user who is far beyond it, and how long it takes until the limit holds. */
async function limited(system, { sessions, limit }) {
  const many = await system.addManySessions(sessions);
  const server = await system.start({ maxSessions: limit });
  const one = await timed(() => signIn(server, many));
  const started = performance.now();
  while ((await system.manyLeft()) > limit && performance.now() - started < END_TIMEOUT_MS) await sleep(200);
  const left = await system.manyLeft();
  const again = await repeated(() => timed(() => signIn(server, many)));
  await server.stop();
  const held = left > limit ? `not after ${END_TIMEOUT_MS / 1000} s` : `${((performance.now() - started) / 1000).toFixed(0)} s`;
  return {
    [`sign-in beyond the limit of ${limit}`]: `${one.answer.status} ${short(one.ms)} ms`,
    'until the limit holds': held,
    'sign-in at the limit: median': `${statuses(again)} ${short(median(again))} ms`,
  };
}

function page(server, { cookie }) {
  return request(server.port, { path: '/account/sessions', headers: { cookie } });
}

function endOthers(server, { cookie, token }) {
  return form(server, '/account/sessions/revoke-others', { csrf_token: token }, cookie);
}

async function signIn(server, { email }) {
  const { headers, body } = await request(server.port, { path: '/login' });
  const cookie = headers['set-cookie'].map((one) => one.split(';')[0]).join('; ');
  const token = /name="csrf_token"[^>]*value="([^"]+)"/.exec(body)[1];
  return form(server, '/login', { email, password: PASSWORD, csrf_token: token }, cookie);
}

function form(server, to, fields, cookie) {
  const headers = { cookie, 'content-type': 'application/x-www-form-urlencoded' };
  return request(server.port, { method: 'POST', path: to, headers, body: new URLSearchParams(fields).toString() });
}

async function timed(send) {
  const started = performance.now();
  const answer = await send();
  return { ms: performance.now() - started, answer };
}

async function repeated(send) {
  const found = [];
  for (let n = 0; n < REPEATS; n++) found.push(await send());
  return found;
}

function median(found) {
  return found.map(({ ms }) => ms).sort((one, other) => one - other)[Math.floor(found.length / 2)];
}

/** The different statuses of the answers, usually one. */
function statuses(found) {
  return [...new Set(found.map(({ answer }) => answer.status))].join(', ');
}

await benchmark(async (makeFolder) => {
  const args = process.argv.slice(2);
  if (args.includes('--help')) return console.log(HELP);
  await main(parse(args), makeFolder());
});
