import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone } = DEVICES;

onEveryEngine('Sign-out', (stage) => {
  stage.test('Back after it shows nothing of the user', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await page.getByRole('link', { name: 'History' }).click();
    await page.waitForURL('**/account/sessions?show=ended');
    await device.following(() => page.locator('.sign-out').getByRole('button', { name: 'Sign out' }).click());
    assert.equal(device.path(), '/login');
    assert.deepEqual((await device.context.cookies()).map(({ name }) => name), ['keyrack.csrf']);

    for (const left of ['/account/sessions?show=ended', '/account/sessions']) {
      await page.goBack({ waitUntil: 'commit' });
      await page.waitForURL(`**/login?next=${encodeURIComponent(left)}`);
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      assert.equal(await page.getByText(USER.name).count(), 0);
    }
  });

  // A browser may keep a page as it was when it was left, and only scripts can tell that it did.
  stage.scripted('Back after it was revoked from elsewhere shows nothing either', async ({ keyrack, open }) => {
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

  stage.scripted('Back to the list shows it as it is now', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await page.getByText('1 active session', { exact: true }).waitFor();
    await device.following(() => page.getByRole('link', { name: 'History' }).click());
    await keyrack.signIn(phone.userAgent);
    await page.goBack({ waitUntil: 'commit' });
    await device.row(phone.title).waitFor();
    await page.getByText('2 active sessions').waitFor();
  });

  stage.test('a page from before a revocation can do nothing', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await keyrack.command(['session', 'revoke-all', '--everyone']);
    await device.following(() => page.locator('.sign-out button').click());
    assert.equal(device.path(), '/login');
  });

  stage.test('the form that it leads to signs in again', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await device.following(() => page.locator('.sign-out').getByRole('button', { name: 'Sign out' }).click());
    await device.submitSignIn(USER);
    assert.equal(device.path(), '/account/sessions');
  });
}, { keepsPages: true });
