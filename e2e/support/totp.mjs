// What an authenticator app does.

import { createHmac } from 'node:crypto';

const STEP_MS = 30_000;

/** The code of RFC 6238 in the step after `offset` others. */
export function codeOf(secret, offset = 0) {
  const digits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'));
  const bytes = digits.join('').match(/.{8}/g).map((bits) => Number.parseInt(bits, 2));
  const step = Buffer.alloc(8);
  step.writeBigInt64BE(BigInt(Math.floor(Date.now() / STEP_MS) + offset));
  const hash = createHmac('sha1', Buffer.from(bytes)).update(step).digest();
  const number = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** The secret that the open page shows. */
export async function shownSecret(page) {
  return (await page.locator('.qr-code .code').innerText()).replaceAll(' ', '');
}
