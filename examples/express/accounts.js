// Passwords, and the rows of `sessions`.

import bcrypt from 'bcryptjs';

import { database } from './database.js';

// Compared with if the user does not exist, so that the response takes the same time.
const DUMMY_HASH = await bcrypt.hash('not a password', 10);

/** Returns the user with this email address and password, or undefined. */
export async function authenticate(email, password) {
  const { rows: [user] } = await database.query(
    'SELECT id, email, role, password FROM users WHERE lower(email) = lower($1)',
    [email],
  );
  const isRight = await bcrypt.compare(password, user?.password ?? DUMMY_HASH);
  return user?.password && isRight ? { id: user.id, email: user.email, role: user.role } : undefined;
}

/** Inserts the row of a session: its user, address, user agent and expiry. */
export async function recordSignIn(request, user) {
  await database.query(
    'INSERT INTO sessions (sid, user_id, status, ip_address, user_agent, expires_at) VALUES ($1, $2, $3, $4, $5, $6)',
    [request.sessionID, user.id, 'active', request.ip, request.get('user-agent'), request.session.cookie.expires],
  );
}

/** Marks this browser's session as ended. */
export async function recordSignOut(request) {
  await database.query(
    `UPDATE sessions SET status = 'logged_out', updated_at = now(), logged_out_at = now()
     WHERE sid = $1 AND status = 'active'`,
    [request.sessionID],
  );
}
