import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone, laptop, desk } = DEVICES;

/** Sends the open form of the page that asks for the password. Returns the response of the next page. */
function confirm(device, password = USER.password) {
  const { page } = device;
  return device.navigate(async () => {
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Confirm' }).click();
  });
}

onEveryEngine('Proof', (suite) => {
  suite.test('device is revoked once the password was given again', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    await keyrack.signIn(desk.userAgent);
    const mine = await open({ userAgent: laptop.userAgent });
    const { page } = mine;
    await mine.signIn(USER);
    await keyrack.ageProofs();
    await mine.navigate(() => mine.row(phone.title).getByRole('button', { name: 'Revoke' }).click());
    assert.equal(new URL(page.url()).pathname, '/reauth');
    await page.getByText('The other device is signed out after that.').waitFor();
    assert.equal(await page.getByLabel('Email').inputValue(), USER.email);
    assert.equal(await page.locator(':focus').getAttribute('name'), 'password');

    const wrong = await confirm(mine, 'another password');
    assert.equal(wrong.status(), 401);
    assert.match(await page.getByRole('alert').innerText(), /This is not your password/);
    await page.getByText('The other device is signed out after that.').waitFor();
    assert.match(await page.title(), /^Error: /);

    await confirm(mine);
    assert.equal(mine.path(), '/account/sessions');
    assert.equal(await page.getByRole('status').innerText(), `Signed out ${phone.title}.`);
    await page.getByText('2 active sessions').waitFor();

    await mine.navigate(() => mine.row(desk.title).getByRole('button', { name: 'Revoke' }).click());
    assert.equal(mine.path(), '/account/sessions', 'the proof is recent now');
    await page.getByText('1 active session', { exact: true }).waitFor();
  });

  suite.test('all other devices are signed out once, also if the form is sent again', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    await keyrack.signIn(desk.userAgent);
    const mine = await open({ userAgent: laptop.userAgent });
    const { page } = mine;
    await mine.signIn(USER);
    await keyrack.ageProofs();
    await page.getByText('Sign out all other devices').first().click();
    await mine.navigate(() => page.getByRole('button', { name: 'Yes, sign them all out' }).click());
    await page.getByText('All other devices are signed out after that.').waitFor();
    const asked = page.url();
    await confirm(mine);
    assert.equal(await page.getByRole('status').innerText(), 'Signed out 2 other devices.');

    await keyrack.signIn(phone.userAgent);
    await page.goto(asked);
    assert.equal(await page.getByText('All other devices are signed out after that.').count(), 0);
    await confirm(mine);
    assert.equal(mine.path(), '/account/sessions');
    assert.match(await page.getByRole('alert').innerText(), /nothing was changed/);
    await page.getByText('2 active sessions').waitFor();
  });

  suite.test('“Cancel” leads back without a change', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const mine = await open({ userAgent: laptop.userAgent });
    const { page } = mine;
    await mine.signIn(USER);
    await keyrack.ageProofs();
    await mine.navigate(() => mine.row(phone.title).getByRole('button', { name: 'Revoke' }).click());
    await mine.navigate(() => page.getByRole('link', { name: 'Cancel' }).click());
    assert.equal(mine.path(), '/account/sessions');
    await page.getByText('2 active sessions').waitFor();
  });
});
