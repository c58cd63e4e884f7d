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

  suite.test('forgotten password leads to the same answer for every address', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.restart({ KEYRACK_SMTP_URL: 'smtp://127.0.0.1:9', KEYRACK_MAIL_FROM: 'keyrack@example.com' });
    const device = await open();
    const { page } = device;
    const answers = [];
    for (const email of [USER.email, 'unknown@example.com']) {
      await page.goto('/login');
      await page.getByRole('link', { name: 'Forgot your password?' }).click();
      await page.getByLabel('Email').fill('no address');
      await page.getByRole('button', { name: 'Send the link' }).click();
      await page.getByRole('alert').getByText('Enter an email address').waitFor();
      await page.getByLabel('Email').fill(email);
      await page.getByRole('button', { name: 'Send the link' }).click();
      await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
      assert.equal(device.path(), '/forgot?sent=on');
      answers.push(await page.locator('main').innerText());
    }
    assert.equal(answers[0], answers[1]);
    let mails = [];
    while (mails.length === 0) mails = JSON.parse(await keyrack.command(['mail', 'list', '--json']));
    assert.deepEqual(mails.map((mail) => [mail.kind, mail.address]), [['reset', USER.email]]);
  });

  suite.test('double click on “Sign in” makes one device', async ({ keyrack, open, scripts }) => {
    for (const email of ['first@example.com', 'second@example.com', 'third@example.com']) {
      // An expensive hash, so that the second click comes before the first answer, as on a busy server.
      await keyrack.command(['user', 'add', email, '--hash-cost', 'm=65536,t=3,p=1'], USER.password);
      const device = await open();
      const { page } = device;
      await page.goto('/login');
      await page.getByLabel('Email').fill(email);
      await page.getByLabel('Password').fill(USER.password);
      // A person takes a while between the clicks. At once, the browser sends the form only once.
      await page.getByRole('button', { name: 'Sign in' }).dblclick({ delay: 30 });
      await page.getByText('1 active session').waitFor();
      const sent = device.requests.filter((request) => request === 'POST /login').length;
      assert.equal(sent, scripts ? 1 : 2, 'only a script can keep the second click from sending the form');
    }
  });

  suite.test('double click on “Change password” changes it once', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await page.goto('/account/password');
    const password = 'five herons by the weir';
    await page.getByLabel('Current password').fill(USER.password);
    await page.locator('#password').fill(password);
    await page.locator('#password_again').fill(password);
    await page.getByRole('button', { name: 'Change password' }).dblclick();
    await page.getByText('Your password was changed.').waitFor();
    const other = await open();
    await other.signIn({ ...USER, password });
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

  suite.test('address with letters beyond ASCII signs in', async ({ keyrack, open }) => {
    const user = { ...USER, email: 'müller@bücher.example' };
    await keyrack.addUser(user);
    const device = await open();
    await device.page.goto('/login');
    const wrong = await device.submitSignIn({ ...user, password: 'another password' });
    assert.equal(wrong.status(), 401);
    assert.equal(await device.page.getByLabel('Email').inputValue(), user.email, 'as it was typed');
    await device.submitSignIn({ ...user, email: 'Müller@xn--bcher-kva.example' });
    assert.equal(device.path(), '/account/sessions');
  });

  suite.test('sign-in keeps the fragment and the query of the requested page', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    const requested = '/account/sessions?note=a%0Ab%5C#other-devices';
    await page.goto(requested);
    assert.equal(new URL(page.url()).pathname, '/login');
    await device.submitSignIn({ ...USER, password: 'another password' });
    await device.submitSignIn(USER);
    assert.equal(page.url(), keyrack.url + requested);
  });

  suite.test('form says why this device was signed out', async ({ keyrack, open, scripts }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await keyrack.command(['session', 'revoke-all', '--everyone']);
    const next = scripts
      ? page.getByRole('link', { name: 'Sign in again' })
      : page.locator('.sign-out').getByRole('button', { name: 'Sign out' });
    await device.navigate(() => next.click());
    const notice = page.getByText('This device was signed out just now by an administrator. Nothing that was done');
    await notice.waitFor();
    const described = await page.getByLabel('Email').getAttribute('aria-describedby');
    assert.equal(await page.locator(`#${described}`).getByText('by an administrator').count(), 1);
    await device.submitSignIn(USER);
    assert.equal(device.path(), '/account/sessions');
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
