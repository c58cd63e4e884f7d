// Express + express-session + connect-pg-simple, in a cluster of two workers.
//
//   node server.js PORT DATABASE_URL [disableTouch]
//
// NODE_ENV=production, as in production.
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import connectPgSimple from 'connect-pg-simple';
import express from 'express';
import session from 'express-session';
import pg from 'pg';

const WORKERS = 2;
const [port, databaseUrl, variant] = process.argv.slice(2);

if (cluster.isPrimary) {
  for (let i = 0; i < WORKERS; i++) cluster.fork();
  cluster.on('exit', (worker, code) => {
    if (!worker.exitedAfterDisconnect) {
      console.error(`a worker ended with ${code}`);
      process.exit(1);
    }
  });
} else {
  serve();
}

function serve() {
  const PgStore = connectPgSimple(session);
  const pool = new pg.Pool({ connectionString: databaseUrl });
  const app = express();
  app.use(
    session({
      store: new PgStore({ pool, createTableIfMissing: true, disableTouch: variant === 'disableTouch' }),
      secret: process.env.SESSION_SECRET,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 24 * 3600 * 1000 },
    }),
  );

  app.get('/api/session', (request, response) => {
    const who = request.session.who;
    if (!who) return response.status(401).json({ error: 'signed out' });
    const { session_id, created_at, last_seen_at, expires_at, user_id, email, user_name, role } = who;
    response.json({
      session: { id: session_id, created_at, last_seen_at, expires_at },
      user: { id: user_id, email, user_name, role },
    });
  });

  app.post('/login', express.urlencoded({ extended: false }), (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      request.session.who = who(request.body.email);
      request.session.save((failure) => (failure ? next(failure) : response.redirect(303, '/')));
    });
  });

  app.post('/logout', (request, response, next) => {
    if (!request.session.who) return response.status(401).json({ error: 'signed out' });
    request.session.destroy((error) => (error ? next(error) : response.redirect(303, '/login')));
  });

  app.listen(Number(port), '127.0.0.1');
}

function who(email) {
  const now = new Date();
  return {
    session_id: randomUUID(),
    created_at: now.toISOString(),
    last_seen_at: now.toISOString(),
    expires_at: new Date(now.getTime() + 24 * 3600 * 1000).toISOString(),
    user_id: randomUUID(),
    email,
    user_name: email.split('@')[0],
    role: 'user',
  };
}
