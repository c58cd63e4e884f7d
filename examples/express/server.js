// A shop that keeps its sessions in PostgreSQL with express-session and connect-pg-simple. Its only connections to
// Keyrack are a link, and a script that shows at once that the session has ended.

import { promisify } from 'node:util';

import connectPgSimple from 'connect-pg-simple';
import express from 'express';
import session from 'express-session';

import { authenticate, recordSignIn, recordSignOut } from './accounts.js';
import { requireProof } from './bound-session.js';
import { database } from './database.js';
import { shopPage, signInPage } from './pages.js';
import { DEMO_USER, setUp } from './setup.js';

const { PORT = '3000', SESSION_SECRETS = '', KEYRACK_URL = 'http://127.0.0.1:8080' } = process.env;
const DAY = 24 * 60 * 60 * 1000;

const secrets = SESSION_SECRETS.split(',').map((secret) => secret.trim()).filter(Boolean);
if (secrets.length === 0) throw new Error('set SESSION_SECRETS: the newest first, separated by commas');

const PostgresStore = connectPgSimple(session);

const app = express();
app.disable('x-powered-by');
app.set('trust proxy', 'loopback');
app.use(express.urlencoded({ extended: false }));
app.use(session({
  name: 'connect.sid',
  secret: secrets,
  store: new PostgresStore({ pool: database, tableName: 'user_sessions' }),
  resave: false,
  saveUninitialized: false,
  // With SameSite=Lax, forms on other sites are sent without this cookie.
  cookie: { maxAge: DAY, httpOnly: true, sameSite: 'lax', secure: 'auto' },
}));
// Behind one proxy with Keyrack, browsers send the proof of a session that Keyrack has bound to them.
if (!KEYRACK_URL) app.use(requireProof(secrets));

app.get('/', (request, response) => {
  const { userId, email, cart = [] } = request.session;
  if (!userId) return response.redirect(303, '/sign-in');
  response.send(shopPage({ email, cart, keyrack: KEYRACK_URL }));
});

app.get('/sign-in', (request, response) => {
  if (request.session.userId) return response.redirect(303, '/');
  response.send(signInPage());
});

app.post('/sign-in', async (request, response) => {
  const { email = '', password = '' } = request.body ?? {};
  const user = await authenticate(email, password);
  if (!user) return response.status(401).send(signInPage({ email, failed: true }));
  // A new sid prevents session fixation.
  await inSession(request, 'regenerate');
  Object.assign(request.session, { userId: user.id, email: user.email, role: user.role, status: 'login' });
  await recordSignIn(request, user);
  response.redirect(303, '/');
});

app.post('/cart', (request, response) => {
  if (!request.session.userId) return response.redirect(303, '/sign-in');
  const item = String(request.body?.item ?? '').slice(0, 40);
  if (item) request.session.cart = [...request.session.cart ?? [], item];
  response.redirect(303, '/');
});

app.post('/sign-out', async (request, response) => {
  await recordSignOut(request);
  await inSession(request, 'destroy');
  response.clearCookie('connect.sid').redirect(303, '/sign-in');
});

/** Calls a method of express-session, which takes a callback. */
function inSession(request, method) {
  return promisify(request.session[method]).call(request.session);
}

await setUp();
const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
  console.log(`sign in as ${DEMO_USER.email} with "${DEMO_USER.password}"`);
});
