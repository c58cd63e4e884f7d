import assert from 'node:assert/strict';

import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';
import { Mails } from './support/mails.mjs';

const NEW_EMAIL = 'ana@example.net';
const PASSWORD = 'five herons by the weir';

/** Asks for an account. Returns what the page answers. */
async function register(device, email) {
  const { page } = device;
  await page.goto('/login');
  await device.navigate(() => page.getByRole('link', { name: 'Create an account' }).click());
  await page.getByLabel('Email').fill(email);
  await device.navigate(() => page.getByRole('button', { name: 'Send the link' }).click());
  await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
  assert.equal(device.path(), '/register?sent=on');
  return page.locator('main').innerText();
}

onEveryEngine('Registration', (suite) => {
  suite.test('visitor creates an account, and its owner is told of another try', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const mails = await Mails.start(keyrack, { KEYRACK_REGISTRATION: 'open' });
    try {
      const mine = await open();
      const answer = await register(mine, NEW_EMAIL);
      const { page } = mine;
      await page.goto(await mails.link(NEW_EMAIL, '/verify'));
      await page.getByRole('heading', { name: 'Welcome to Keyrack' }).waitFor();
      await page.getByLabel('First name').fill('Ana');
      await page.locator('#password').fill('short');
      await page.locator('#password_again').fill('short');
      await mine.navigate(() => page.getByRole('button', { name: 'Create account' }).click());
      await page.getByRole('alert').waitFor();
      await mine.navigate(() => page.getByRole('button', { name: 'Deutsch' }).click());
      await mine.navigate(() => page.getByRole('button', { name: 'English' }).click());
      await page.getByLabel('First name').fill('Ana');
      await page.locator('#password').fill(PASSWORD);
      await page.locator('#password_again').fill(PASSWORD);
      await mine.navigate(() => page.getByRole('button', { name: 'Create account' }).dblclick());
      await page.getByText('1 active session').waitFor();

      const other = await open();
      assert.equal(await register(other, USER.email), answer);
      await mails.find(USER.email, /you have one already/);
      await other.signIn({ email: NEW_EMAIL, password: PASSWORD });
    } finally {
      await mails.stop();
    }
  });

  suite.test('no page and no link are there unless registration is open', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const { page } = await open();
    await page.goto('/login');
    assert.equal(await page.getByRole('link', { name: 'Create an account' }).count(), 0);
    assert.equal((await page.goto('/register')).status(), 404);
  });
});
