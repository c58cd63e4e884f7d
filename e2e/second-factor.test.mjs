import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';
import { codeOf, shownSecret } from './support/totp.mjs';

const { laptop, phone } = DEVICES;

/** Sets up an app on the page of security. Returns its secret and the recovery codes. */
async function setUp(device) {
  const { page } = device;
  await device.navigate(() => page.getByRole('link', { name: 'Security' }).click());
  await device.navigate(() => page.getByRole('link', { name: 'Set up an app' }).click());
  const box = await page.getByRole('img', { name: 'Scan this code with the app' }).boundingBox();
  assert.ok(box.width >= 150 && box.width === box.height, JSON.stringify(box));
  const secret = await shownSecret(page);
  await page.getByLabel('Code that the app shows now').fill(codeOf(secret));
  await device.navigate(() => page.getByRole('button', { name: 'Set up' }).click());
  const recoveryCodes = await page.locator('.recovery-codes code').allInnerTexts();
  assert.equal(recoveryCodes.length, 10);
  return { secret, recoveryCodes };
}

/** Gives the password, which leads to the second step. */
async function givePassword(device) {
  await device.page.goto('/login');
  await device.submitSignIn(USER);
  assert.equal(device.path(), '/login/second');
}

onEveryEngine('Second factor', (suite) => {
  suite.test('a code is asked for once the app is set up, and not on a trusted browser', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const mine = await open({ userAgent: laptop.userAgent });
    await mine.signIn(USER);
    const { secret, recoveryCodes } = await setUp(mine);
    await mine.navigate(() => mine.page.getByRole('link', { name: 'I have kept them' }).click());
    await mine.page.getByText('10 codes are left.').waitFor();

    const other = await open({ userAgent: phone.userAgent });
    const { page } = other;
    await givePassword(other);
    assert.equal(await page.locator(':focus').getAttribute('autocomplete'), 'one-time-code');
    await page.getByLabel('Code of the app').fill('000000');
    await other.navigate(() => page.getByRole('button', { name: 'Sign in' }).click());
    assert.match(await page.getByRole('alert').innerText(), /This code is wrong/);
    await page.getByLabel('Code of the app').fill(codeOf(secret, 1));
    await page.getByLabel('Don’t ask for a code on this browser for 30 days').check();
    await other.navigate(() => page.getByRole('button', { name: 'Sign in' }).click());
    assert.equal(other.path(), '/account/sessions');

    await other.navigate(() => page.getByRole('button', { name: 'Sign out', exact: true }).first().click());
    // It is trusted.
    await other.signIn(USER);

    await mine.page.reload();
    await mine.page.getByText('Needs a code again in 30 days').waitFor();
    await mine.navigate(() => mine.page.getByRole('button', { name: 'Ask for a code again' }).click());
    await mine.page.getByText('Each browser is asked for a code.').waitFor();
    await other.navigate(() => page.getByRole('button', { name: 'Sign out', exact: true }).first().click());
    await givePassword(other);
    await other.navigate(() => page.getByRole('link', { name: 'Use a recovery code' }).click());
    await page.getByLabel('Recovery code').fill(recoveryCodes[0]);
    await other.navigate(() => page.getByRole('button', { name: 'Sign in' }).click());
    assert.equal(other.path(), '/account/sessions');
  });

  suite.test('who must have an app sets it up before the session starts', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.restart({ KEYRACK_SECOND_FACTOR: 'everyone' });
    const mine = await open({ userAgent: laptop.userAgent });
    const { page } = mine;
    await givePassword(mine);
    await page.getByText('Your account needs a second factor.').waitFor();
    const secret = await shownSecret(page);
    await page.getByLabel('Code that the app shows now').fill(codeOf(secret));
    await mine.navigate(() => page.getByRole('button', { name: 'Set up' }).click());
    assert.equal(await page.locator('.recovery-codes code').count(), 10);
    await mine.navigate(() => page.getByRole('link', { name: 'I have kept them' }).click());
    assert.equal(mine.path(), '/account/sessions');
    await page.getByText('1 active session', { exact: true }).waitFor();
  });
});
