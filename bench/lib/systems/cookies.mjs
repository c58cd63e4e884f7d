// Cookies and form tokens, as the servers make them.

import { createHash, createHmac, randomBytes } from 'node:crypto';

export function md5(text) {
  return createHash('md5').update(text).digest('hex');
}

/** A cookie in express-session's format, which Keyrack uses too. */
export function signedCookie(name, sid, secret) {
  const signature = createHmac('sha256', secret).update(sid).digest('base64').replaceAll('=', '');
  return `${name}=${encodeURIComponent(`s:${sid}.${signature}`)}`;
}

/**
 * The form token of a session. A client would read it from a page, but reading so many pages would take longer than the
 * measurement. If Keyrack changes its tokens, every answer is a refusal and the run fails.
 */
export function sessionToken(sid, secret) {
  return formToken(`session:${sid}`, secret);
}

/** The token of a form for the visitor whose cookie begins with `visitor`. */
export function visitorToken(visitor, secret) {
  return formToken(`visitor:${visitor}`, secret);
}

function formToken(binding, secret) {
  const key = createHmac('sha256', secret).update('keyrack csrf').digest();
  const salt = randomBytes(16).toString('base64url');
  const signature = createHmac('sha256', key).update(`${salt}.${binding}`).digest('base64url');
  return `${salt}.${signature}`;
}
