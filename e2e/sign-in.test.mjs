import assert from 'node:assert/strict';

import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

onEveryEngine('Sign-in', (stage) => {
  stage.test('a wrong password, then the right one, leads where the user was going', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await page.goto('/account/sessions?show=ended');
    assert.equal(device.path(), '/login?next=%2Faccount%2Fsessions%3Fshow%3Dended');
    await page.getByText('Sign in to go on.').waitFor();

    const wrong = await device.submitSignIn({ ...USER, password: 'another password' }, { remember: true });
    assert.equal(wrong.status(), 401);
    assert.equal(await page.getByRole('alert').innerText(), 'Invalid email or password.');
    assert.match(await page.title(), /^Error: /);
    assert.equal(await page.getByLabel('Email').inputValue(), USER.email, 'the address stays');
    assert.equal(await page.getByLabel('Password').inputValue(), '', 'the password does not');
    assert.ok(await page.getByLabel('Keep me signed in').isChecked(), 'the choice stays');
    assert.equal(await page.locator(':focus').getAttribute('name'), 'password', 'the next thing to type has the focus');

    await device.submitSignIn(USER);
    assert.equal(device.path(), '/account/sessions?show=ended');
    await page.getByText('No sessions have ended yet.').waitFor();
  });

  stage.test('a browser that is closed forgets the user, unless it was told to keep them', async ({ keyrack, open }) => {
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

  stage.test('whoever is signed in does not see the form again', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    await device.signIn(USER);
    for (const path of ['/login', '/', '/login?next=https://elsewhere.example/']) {
      await device.page.goto(path);
      assert.equal(device.path(), '/account/sessions', path);
    }
  });

  stage.test('two tabs with the form open can both sign in', async ({ keyrack, open }) => {
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
