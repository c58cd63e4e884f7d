import assert from 'node:assert/strict';

import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

onEveryEngine('Sign-in', (suite) => {
  suite.test('sign-in after a wrong password leads to the requested page', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await page.goto('/account/sessions?show=ended');
    assert.equal(device.path(), '/login?next=%2Faccount%2Fsessions%3Fshow%3Dended');
    await page.getByText('Sign in to continue.').waitFor();

    const wrong = await device.submitSignIn({ ...USER, password: 'another password' }, { remember: true });
    assert.equal(wrong.status(), 401);
    assert.equal(await page.getByRole('alert').innerText(), 'Invalid email or password.');
    assert.match(await page.title(), /^Error: /);
    assert.equal(await page.getByLabel('Email').inputValue(), USER.email, 'the address is kept');
    assert.equal(await page.getByLabel('Password').inputValue(), '', 'the password is not');
    assert.ok(await page.getByLabel('Keep me signed in').isChecked(), 'the choice is kept');
    assert.equal(await page.locator(':focus').getAttribute('name'), 'password', 'the password field has the focus');

    await device.submitSignIn(USER);
    assert.equal(device.path(), '/account/sessions?show=ended');
    await page.getByText('No sessions have ended yet.').waitFor();
  });

  suite.test('cookie outlives the browser only with “Keep me signed in”', async ({ keyrack, open }) => {
    await keyrack.addUser();
    for (const remember of [false, true]) {
      const device = await open();
      await device.page.goto('/login');
      await device.submitSignIn(USER, { remember });
      const [cookie] = (await device.context.cookies()).filter(({ name }) => name === 'keyrack.sid');
      const days = (cookie.expires - Date.now() / 1000) / 86_400;
      assert.ok(remember ? days > 29 && days <= 30 : cookie.expires === -1, `expires: ${cookie.expires}`);
      assert.ok(cookie.httpOnly);
      assert.equal(cookie.sameSite, 'Lax');

      await device.page.getByText('Details').first().click();
      const kept = device.page.locator('.device-current dl > div').filter({ hasText: 'Keep me signed in' });
      assert.equal(await kept.locator('dd').innerText(), remember ? 'On' : 'Off');
    }
  });

  suite.test('signed-in browser is redirected from the form', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    await device.signIn(USER);
    for (const path of ['/login', '/', '/login?next=https://elsewhere.example/']) {
      await device.page.goto(path);
      assert.equal(device.path(), '/account/sessions', path);
    }
  });

  suite.test('two tabs with the open form can both sign in', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const first = device.page;
    const second = await device.context.newPage();
    await first.goto('/login');
    await second.goto('/login');
    for (const page of [first, second]) {
      device.page = page;
      await device.submitSignIn(USER);
      assert.equal(device.path(), '/account/sessions');
    }
    await second.getByText('1 active session', { exact: true }).waitFor();
    await first.reload();
    await first.getByText('1 active session', { exact: true }).waitFor();
  });
});
