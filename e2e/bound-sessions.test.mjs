import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { launchWithKeys, startBehindProxy } from './support/bound-browser.mjs';
import { ENGINES } from './support/engines.mjs';
import { USER } from './support/keyrack.mjs';

const COOKIE = 'keyrack.bound';

/** Asks until the answer is as expected. */
async function pollUntil(ask, isExpected) {
  for (const end = Date.now() + 30_000; Date.now() < end;) {
    const answer = await ask();
    if (isExpected(answer)) return answer;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error('it did not happen');
}

/** The cookies of a device, as another client would send a copy of them. */
const copyCookies = async ({ context }) => (await context.cookies()).filter(({ name }) => name !== COOKIE)
  .map(({ name, value }) => `${name}=${value}`).join('; ');

const hasProof = async ({ context }) => (await context.cookies()).some(({ name }) => name === COOKIE);

/** What happens to the cookie in the browser after ten minutes. */
const letProofRunOut = ({ context }) => context.clearCookies({ name: COOKIE });

const isBound = (device) => device.page.evaluate(async () => (await (await fetch('/api/session')).json()).session?.bound);

/** Waits until requests without a proof are refused: those that were under way at the sign-in are not. */
async function waitUntilRefused(device, proxy) {
  const cookie = await copyCookies(device);
  const ask = async () => (await fetch(`${proxy.url}/api/session`, { headers: { cookie } })).status;
  await pollUntil(ask, (status) => status === 401);
  return cookie;
}

async function signInBound(device) {
  await device.signIn(USER);
  await pollUntil(() => hasProof(device), (has) => has);
  assert.equal(await isBound(device), true);
}

for (const engine of ENGINES) {
  describe(`Bound sessions, on ${engine.name}`, () => {
    const testBound = (title, run) => test(title, { timeout: 300_000 }, async () => {
      const { keyrack, proxy } = await startBehindProxy(engine);
      const device = await launchWithKeys(proxy.url);
      try {
        await keyrack.addUser();
        await run({ device, proxy, page: device.page });
      } finally {
        await device.stop();
        await proxy.stop();
      }
    });

    testBound('browser binds its session after the sign-in, and says so', async ({ device, page }) => {
      await signInBound(device);
      await page.reload();
      await page.getByText('Bound to this browser').waitFor();
    });

    testBound('proof that ran out is renewed before the page is asked for', async ({ device, proxy, page }) => {
      await signInBound(device);
      for (let turn = 1; turn <= 3; turn += 1) {
        // The page that is open may renew it, too.
        const before = proxy.refreshes();
        await letProofRunOut(device);
        const response = await page.goto('/account/sessions');
        assert.equal(response.status(), 200);
        assert.ok(proxy.refreshes() > before && await hasProof(device));
      }
      assert.ok(proxy.requests.every(({ skipped }) => skipped === undefined));
    });

    testBound('two tabs that wake up at once stay signed in', async ({ device, page }) => {
      await signInBound(device);
      const other = await device.context.newPage();
      await other.goto('/account/activity');
      await letProofRunOut(device);
      const answers = await Promise.all([page.reload(), other.reload(), isBoundLater(page)]);
      assert.deepEqual(answers.slice(0, 2).map((answer) => answer.status()), [200, 200]);
      assert.equal(new URL(other.url()).pathname, '/account/activity');
    });

    testBound('outage of the renewal is answered 503, and over at the first success', async ({ device, proxy, page }) => {
      await signInBound(device);
      await waitUntilRefused(device, proxy);
      proxy.isRefreshDown = true;
      await letProofRunOut(device);
      const during = await page.goto('/account/sessions');
      assert.equal(during.status(), 503);
      assert.ok(proxy.requests.some(({ skipped }) => skipped?.startsWith('server_error')), 'the browser says why');
      proxy.isRefreshDown = false;
      const after = await page.goto('/account/sessions');
      assert.equal(after.status(), 200);
      assert.equal(await isBound(device), true);
    });

    testBound('copied cookie without the proof is refused', async ({ device, proxy, page }) => {
      await signInBound(device);
      const cookie = await waitUntilRefused(device, proxy);
      const renewal = await fetch(`${proxy.url}/session/refresh`, { method: 'POST', headers: { cookie } });
      assert.equal(renewal.status, 403);
      assert.equal(await isBound(device), true);
      await page.reload();
      await page.getByText('Another browser tried to use one of your sessions').waitFor();
    });

    testBound('browser forgets its key when it signs out', async ({ device, proxy, page }) => {
      await signInBound(device);
      await device.navigate(() => page.getByRole('button', { name: 'Sign out' }).first().click());
      assert.equal(device.path(), '/login');
      assert.equal(await hasProof(device), false);
      const before = proxy.refreshes();
      await page.goto('/login');
      await page.reload();
      assert.ok(proxy.refreshes() <= before + 1, 'one at most, which is told that the session is over');
      await signInBound(device);
    });

    testBound('browser that is started again keeps its session', async ({ device, page }) => {
      await page.goto('/login');
      await device.submitSignIn(USER, { remember: true });
      await pollUntil(() => hasProof(device), (has) => has);
      assert.equal(await isBound(device), true);
      await letProofRunOut(device);
      const again = await device.restart();
      const response = await again.page.goto('/account/sessions');
      assert.equal(response.status(), 200);
      assert.equal(new URL(again.page.url()).pathname, '/account/sessions');
      await again.stop();
    });
  });
}

/** Asks by a script that may be stopped by the page's own reload. */
const isBoundLater = (page) => page.evaluate(() => fetch('/api/session').then(({ status }) => status)).catch(() => undefined);
