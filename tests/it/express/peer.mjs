// An Express application for the tests: express-session with connect-pg-simple, unchanged from npm, and routes that do
// what an application could do. It listens on a free port and prints its address.
//
// Environment variables: DATABASE_URL, and OPTIONS, a JSON object with `secrets`, `session` (options of
// express-session) and `store` (options of connect-pg-simple).

import { createRequire } from 'node:module';
import { promisify } from 'node:util';

const require = createRequire(new URL('../../../examples/express/package.json', import.meta.url));
const connectPgSimple = require('connect-pg-simple');
const express = require('express');
const session = require('express-session');
const pg = require('pg');
const signature = createRequire(require.resolve('express-session'))('cookie-signature');

const options = JSON.parse(process.env.OPTIONS ?? '{}');
const database = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 });
database.on('error', (error) => console.error('pool:', error.message));
const PostgresStore = connectPgSimple(session);
const store = new PostgresStore({
  pool: database,
  tableName: 'user_sessions',
  pruneSessionInterval: false,
  ...options.store,
});

const app = express();
app.use(express.urlencoded({ extended: false, limit: '5mb' }));

// --- Without a session -----------------------------------------------------------------------------------------------

app.post('/prune', async (_, response) => {
  await promisify(store.pruneSessions).call(store);
  response.json(null);
});

/** The signature by the package cookie-signature. */
app.get('/sign', ({ query }, response) => {
  response.json(signature.sign(query.value, query.secret));
});

// Gates at which requests wait until the test releases them.
const gates = new Map();

function gate(name) {
  if (!gates.has(name)) gates.set(name, { arrival: createLatch(), release: createLatch() });
  return gates.get(name);
}

function createLatch() {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  return { open, opened };
}

app.get('/arrived', async ({ query }, response) => {
  await gate(query.gate).arrival.opened;
  response.json(null);
});

app.post('/release', ({ query }, response) => {
  gate(query.gate).release.open();
  response.json(null);
});

// --- With a session --------------------------------------------------------------------------------------------------

app.use(session({
  name: 'connect.sid',
  secret: options.secrets,
  store,
  resave: false,
  saveUninitialized: false,
  ...options.session,
  cookie: { maxAge: 24 * 60 * 60 * 1000, sameSite: 'lax', ...options.session?.cookie },
}));

/** The sid and everything in the session. */
app.get('/session', (request, response) => {
  response.json({ sid: request.sessionID, ...JSON.parse(JSON.stringify(request.session)) });
});

/** Does nothing with the session. */
app.get('/ping', (_, response) => {
  response.json(null);
});

/** Signs in, with `regenerate` by a new sid, as applications should, otherwise on the existing one. */
app.post('/sign-in', async (request, response) => {
  const { user, regenerate, json = '{}' } = request.body;
  if (regenerate) await inSession(request, 'regenerate');
  Object.assign(request.session, { userId: user, ...JSON.parse(json) });
  response.json(request.sessionID);
});

/** Signs in like an application that inserts its own row into `sessions`, before or after the data. */
app.post('/sign-in-by-both', async (request, response) => {
  const { user, order } = request.body;
  await inSession(request, 'regenerate');
  Object.assign(request.session, { userId: user, status: 'login' });
  if (order === 'after') await inSession(request, 'save');
  await database.query(
    `INSERT INTO sessions (sid, user_id, status, ip_address, user_agent, expires_at)
     VALUES ($1, $2, 'active', '192.168.1.100', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)', $3)`,
    [request.sessionID, user, request.session.cookie.expires],
  );
  response.json(request.sessionID);
});

app.post('/sign-out', async (request, response) => {
  switch (request.body.by) {
    case 'destroy': await inSession(request, 'destroy'); break;
    case 'regenerate': await inSession(request, 'regenerate'); break;
    case 'deleting userId': delete request.session.userId; break;
    case 'status': request.session.status = 'logout'; break;
    case 'null': request.session = null; break;
    default: throw new Error(request.body.by);
  }
  response.json(request.sessionID);
});

/** Sets the keys of `json`; null removes a key. With `gate`, it waits until the gate is released. */
app.post('/set', async (request, response) => {
  const { json, gate: name } = request.body;
  if (name) {
    gate(name).arrival.open();
    await gate(name).release.opened;
  }
  for (const [key, value] of Object.entries(JSON.parse(json))) {
    if (value === null) delete request.session[key];
    else request.session[key] = value;
  }
  response.json(request.sessionID);
});

app.use((error, _, response, next) => {
  console.error(error);
  if (response.headersSent) return next(error);
  response.status(500).json(error.message);
});

function inSession(request, method) {
  return promisify(request.session[method]).call(request.session);
}

const server = app.listen(0, '127.0.0.1', () => {
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
