import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone, laptop } = DEVICES;
const NEW = 'five herons by the weir';
const ONE_TIME = 'seven otters in a boat';

/** Fills in and sends the open form. Returns the response of the next page. */
function change(device, { current = USER.password, password = NEW, again = password, keep = false } = {}) {
  const { page } = device;
  return device.navigate(async () => {
    await page.getByLabel('Current password').fill(current);
    await page.getByLabel('New password', { exact: true }).fill(password);
    await page.getByLabel('Confirm new password').fill(again);
    if (keep) await page.getByLabel('Keep my other devices signed in').check();
    await page.getByRole('button', { name: 'Change password' }).click();
  });
}

async function assertError(page, label, pattern) {
  const field = page.getByLabel(label, { exact: true });
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  assert.match(await page.locator(`#${await field.getAttribute('aria-describedby')}`).innerText(), pattern);
  await page.getByRole('alert').getByRole('link', { name: label, exact: true }).click();
  assert.equal(await page.locator(':focus').getAttribute('name'), await field.getAttribute('name'));
}

onEveryEngine('Password', (suite) => {
  suite.test('change shows what is wrong at its field, then signs the other devices out', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const mine = await open({ userAgent: laptop.userAgent });
    const other = await open({ userAgent: phone.userAgent });
    await mine.signIn(USER);
    await other.signIn(USER);
    const { page } = mine;
    await mine.navigate(() => page.getByRole('link', { name: 'Change password' }).click());
    assert.equal(mine.path(), '/account/password');
    assert.equal(await page.getByLabel('Email').inputValue(), USER.email);

    const wrong = await change(mine, { current: 'another password' });
    assert.equal(wrong.status(), 401);
    await assertError(page, 'Current password', /This is not your current password/);
    const unequal = await change(mine, { again: 'five herons by the wier' });
    assert.equal(unequal.status(), 422);
    await assertError(page, 'Confirm new password', /not the same/);
    const weak = await change(mine, { password: 'correct horse battery staple' });
    assert.equal(weak.status(), 422);
    await assertError(page, 'New password', /too easy to guess/);
    for (const label of ['Current password', 'New password', 'Confirm new password']) {
      assert.equal(await page.getByLabel(label, { exact: true }).inputValue(), '', 'no password is sent back');
    }
    assert.match(await page.title(), /^Error: /);

    await change(mine);
    assert.equal(mine.path(), '/account/sessions');
    assert.equal(await page.getByRole('status').innerText(), 'Your password was changed. Signed out 1 other device.');
    await page.getByText('1 active session', { exact: true }).waitFor();
    await other.page.goto('/account/sessions');
    assert.equal(new URL(other.page.url()).pathname, '/login');
    await other.submitSignIn({ ...USER, password: NEW });
    assert.equal(other.path(), '/account/sessions');
  });

  suite.test('change can keep the other devices signed in', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const mine = await open({ userAgent: laptop.userAgent });
    const other = await open({ userAgent: phone.userAgent });
    await mine.signIn(USER);
    await other.signIn(USER);
    await mine.page.goto('/account/password');
    const weak = await change(mine, { password: 'too short', keep: true });
    assert.equal(weak.status(), 422);
    assert.ok(await mine.page.getByLabel('Keep my other devices signed in').isChecked(), 'the choice is kept');
    await change(mine);
    const notice = 'Your password was changed. Your other devices are still signed in.';
    assert.equal(await mine.page.getByRole('status').innerText(), notice);
    await other.page.goto('/account/sessions');
    assert.equal(other.path(), '/account/sessions');
  });

  suite.test('leaked password is noticed after the sign-in, until it is changed', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.write('leaked.txt', `${USER.password}\n${NEW}\n`);
    await keyrack.command(['passwords', 'build', 'leaked.txt', '--plain']);
    await keyrack.restart({ KEYRACK_BREACHED_PASSWORDS: 'leaked.breached' });
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    const notice = page.getByText('appears in a list of leaked passwords');
    await notice.waitFor();
    await page.goto('/account/password');
    const leaked = await change(device);
    assert.equal(leaked.status(), 422);
    await assertError(page, 'New password', /list of leaked passwords/);
    await change(device, { password: 'nine geese over the fen' });
    assert.equal(device.path(), '/account/sessions');
    assert.equal(await notice.count(), 0);
  });

  suite.test('one-time password leads to the form for a new one, and to nothing else', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.command(['user', 'set-password', USER.email, '--must-change'], ONE_TIME);
    const device = await open();
    const { page } = device;
    await page.goto('/account/activity');
    await device.submitSignIn({ ...USER, password: ONE_TIME });
    assert.equal(device.path(), '/account/password?next=%2Faccount%2Factivity');
    await page.getByText('You signed in with a one-time password.').waitFor();
    assert.equal(await page.getByLabel('Keep my other devices signed in').count(), 0);
    for (const path of ['/', '/login', '/account/sessions', '/reauth']) {
      await page.goto(path);
      assert.equal(new URL(page.url()).pathname, '/account/password', path);
    }

    const other = await open();
    await other.page.goto('/login');
    const used = await other.submitSignIn({ ...USER, password: ONE_TIME });
    assert.equal(used.status(), 401);
    assert.match(await other.page.getByRole('alert').innerText(), /one-time password has already been used/);

    await page.goto('/account/password?next=%2Faccount%2Factivity');
    const same = await change(device, { current: ONE_TIME, password: ONE_TIME });
    assert.equal(same.status(), 422);
    await assertError(page, 'New password', /This is your current password/);
    await change(device, { current: ONE_TIME });
    assert.equal(device.path(), '/account/activity');
    await page.getByText('Signed in with a one-time password').waitFor();
  });

  suite.test('user may sign out instead of changing a one-time password', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.command(['user', 'set-password', USER.email, '--must-change'], ONE_TIME);
    const device = await open();
    const { page } = device;
    await page.goto('/login');
    await device.submitSignIn({ ...USER, password: ONE_TIME });
    await device.navigate(() => page.locator('.sign-out').getByRole('button', { name: 'Sign out' }).click());
    assert.equal(device.path(), '/login');
    await page.goto('/account/password');
    assert.equal(new URL(page.url()).pathname, '/login');
  });
});
