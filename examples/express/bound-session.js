// Refuses copies of a session's cookie: checks the proof of the browser to which Keyrack has bound the session.
// It needs one origin for both, behind a proxy: browsers renew the proof for requests to that origin only.

import { createHmac, timingSafeEqual } from 'node:crypto';

import { database } from './database.js';

const PROOF = /(?:^|;\s*)(?:__Host-)?keyrack\.bound=(([^.;]+)\.(\d+))\.([\w-]+)/g;
const GOOD_FOR_MS = 11 * 60 * 1000;

/** Middleware behind express-session, with the same secrets. */
export function requireProof(secrets) {
  const keys = secrets.map((secret) => createHmac('sha256', secret).update('keyrack bound cookie').digest());
  const isSigned = (text, signature) => keys.some((key) => {
    const [expected, sent] = [createHmac('sha256', key).update(text).digest(), Buffer.from(signature, 'base64url')];
    return sent.length === expected.length && timingSafeEqual(sent, expected);
  });
  const isGood = (id, [, text, session, micros, signature]) =>
    session === id && Math.abs(Date.now() - micros / 1000) < GOOD_FOR_MS && isSigned(text, signature);

  return async (request, response, next) => {
    const { rows: [bound] } = await database.query(
      "SELECT id FROM sessions WHERE sid = $1 AND status = 'active' AND bound_from <= now()",
      [request.sessionID],
    );
    const proofs = [...(request.headers.cookie ?? '').matchAll(PROOF)];
    if (!bound || proofs.some((proof) => isGood(bound.id, proof))) return next();
    // The session is neither ended nor prolonged: this request may be a thief's.
    request.session = null;
    // The browser could not renew its proof, and tries again.
    if (request.headers['secure-session-skipped'] !== undefined) return response.set('Retry-After', '1').sendStatus(503);
    // Without its old proof, a browser that has the key renews it before the next request. One without a proof has no key.
    for (const name of proofs.length > 0 ? ['__Host-keyrack.bound', 'keyrack.bound'] : ['connect.sid']) {
      response.clearCookie(name, { httpOnly: true, sameSite: 'lax', secure: name.startsWith('__Host-') });
    }
    response.status(401).send('This session is bound to another browser. <a href="">Open the page again</a>');
  };
}
