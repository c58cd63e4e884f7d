import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone } = DEVICES;

onEveryEngine('Sign-out', (suite) => {
  suite.test('Back after sign-out leads to the sign-in page', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await page.getByRole('link', { name: 'History' }).click();
    await page.waitForURL('**/account/sessions?show=ended');
    await device.navigate(() => page.locator('.sign-out').getByRole('button', { name: 'Sign out' }).click());
    assert.equal(device.path(), '/login');
    const cookies = (await device.context.cookies()).map(({ name }) => name);
    assert.deepEqual(cookies, ['keyrack.csrf', 'keyrack.browser'], 'the browser stays known');

    for (const left of ['/account/sessions?show=ended', '/account/sessions']) {
      await page.goBack({ waitUntil: 'commit' });
      await page.waitForURL(`**/login?next=${encodeURIComponent(left)}`);
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      assert.equal(await page.getByText(USER.name).count(), 0);
    }
  });

  // The browser may show a page from its back/forward cache, which only scripts can detect.
  suite.testWithScripts('Back after a revocation leads to the sign-in page', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await page.goto('/nothing/here');
    await keyrack.command(['session', 'revoke-all', '--everyone']);
    await page.goBack({ waitUntil: 'commit' });
    await page.waitForURL('**/login?next=%2Faccount%2Fsessions');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.getByText(USER.name).count(), 0);
  });

  suite.testWithScripts('Back to the device list shows its current state', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await page.getByText('1 active session', { exact: true }).waitFor();
    await device.navigate(() => page.getByRole('link', { name: 'History' }).click());
    await keyrack.signIn(phone.userAgent);
    await page.goBack({ waitUntil: 'commit' });
    await device.row(phone.title).waitFor();
    await page.getByText('2 active sessions').waitFor();
  });

  // With JavaScript, the form is gone by then: see live.test.mjs.
  suite.testWithoutScripts('form opened before a revocation leads to the sign-in page', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await keyrack.command(['session', 'revoke-all', '--everyone']);
    await device.navigate(() => page.locator('.sign-out button').click());
    assert.equal(device.path(), '/login');
  });

  suite.test('sign-in works from the page after sign-out', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await device.navigate(() => page.locator('.sign-out').getByRole('button', { name: 'Sign out' }).click());
    await device.submitSignIn(USER);
    assert.equal(device.path(), '/account/sessions');
  });
}, { backForwardCache: true });
