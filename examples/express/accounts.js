// Who may sign in, and the record of where they did.

import bcrypt from 'bcryptjs';

import { database } from './database.js';

// Compared with where there is no user, so that an answer takes as long.
const NOBODY = await bcrypt.hash('nobody', 10);

/** The user with this e-mail address and password, if there is one. */
export async function authenticate(email, password) {
  const { rows: [user] } = await database.query(
    'SELECT id, email, role, password FROM users WHERE lower(email) = lower($1)',
    [email],
  );
  const isRight = await bcrypt.compare(password, user?.password ?? NOBODY);
  return user?.password && isRight ? { id: user.id, email: user.email, role: user.role } : undefined;
}

/** Records a sign-in: who, from where, until when. */
export async function recordSignIn(request, user) {
  await database.query(
    'INSERT INTO sessions (sid, user_id, status, ip_address, user_agent, expires_at) VALUES ($1, $2, $3, $4, $5, $6)',
    [request.sessionID, user.id, 'active', request.ip, request.get('user-agent'), request.session.cookie.expires],
  );
}

/** Records that this browser signed out. */
export async function recordSignOut(request) {
  await database.query(
    `UPDATE sessions SET status = 'logged_out', updated_at = now(), logged_out_at = now()
     WHERE sid = $1 AND status = 'active'`,
    [request.sessionID],
  );
}
