import assert from 'node:assert/strict';

import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';
import { Mails } from './support/mails.mjs';

const NEW_EMAIL = 'rajat@example.net';
const PASSWORD = 'five herons by the weir';

/** Runs a test with a mail server. */
async function withMails(keyrack, run) {
  await keyrack.addUser();
  const mails = await Mails.start(keyrack);
  try {
    await run(mails);
  } finally {
    await mails.stop();
  }
}

/** Asks for another address on the page of security. */
async function ask(device, email) {
  const { page } = device;
  await device.navigate(() => page.getByRole('link', { name: 'Security' }).click());
  await device.navigate(() => page.getByRole('link', { name: 'Change the address' }).click());
  await page.getByLabel('New email address').fill(email);
  await device.navigate(() => page.getByRole('button', { name: 'Send the link' }).click());
}

onEveryEngine('Another address', (suite) => {
  suite.test('address changes by its link, and comes back by that to the former one', async ({ keyrack, open }) => {
    await withMails(keyrack, async (mails) => {
      const mine = await open();
      await mine.signIn(USER);
      await ask(mine, USER.email);
      await mine.page.getByRole('alert').getByText('This is already your address.').waitFor();
      await mine.page.getByLabel('New email address').fill(NEW_EMAIL);
      await mine.navigate(() => mine.page.getByRole('button', { name: 'Send the link' }).click());
      await mine.page.getByRole('heading', { name: 'Check your mail' }).waitFor();
      await mine.navigate(() => mine.page.getByRole('link', { name: 'Back to “Security”' }).click());
      await mine.page.getByText(`A change to ${NEW_EMAIL} was asked for`).waitFor();

      const phone = await open();
      await phone.page.goto(await mails.link(NEW_EMAIL, '/verify'));
      await phone.page.getByText(`The account with the address ${USER.email} is to get this one: ${NEW_EMAIL}.`).waitFor();
      await phone.navigate(() => phone.page.getByRole('button', { name: 'Deutsch' }).click());
      await phone.navigate(() => phone.page.getByRole('button', { name: 'English' }).click());
      await phone.navigate(() => phone.page.getByRole('button', { name: 'Confirm the address' }).click());
      await phone.page.getByRole('heading', { name: 'Your email address is changed' }).waitFor();
      await mine.page.reload();
      assert.equal(await mine.page.locator('section', { hasText: 'Email address' }).first().locator('.muted').innerText(), NEW_EMAIL);

      // The owner of the former mailbox takes it back.
      await phone.page.goto(await mails.link(USER.email, '/verify'));
      await phone.page.getByText(`${USER.email} becomes the address of your account again.`).waitFor();
      await phone.navigate(() => phone.page.getByRole('button', { name: 'Put it back' }).click());
      assert.match(phone.path(), /^\/reset\?token=/);
      await phone.page.locator('#password').fill(PASSWORD);
      await phone.page.locator('#password_again').fill(PASSWORD);
      await phone.navigate(() => phone.page.getByRole('button', { name: 'Set the password' }).click());
      assert.equal(phone.path(), '/account/sessions');
      await mine.page.goto('/account/security');
      assert.match(mine.path(), /^\/login/);
      await phone.page.goto('/account/activity');
      await phone.page.getByText('Former email address put back').waitFor();
    });
  });

  suite.test('taken address gets the same answer, and a mail that says so', async ({ keyrack, open }) => {
    await withMails(keyrack, async (mails) => {
      await keyrack.command(['user', 'add', 'ana@example.com'], USER.password);
      const mine = await open();
      await mine.signIn(USER);
      await ask(mine, 'ana@example.com');
      await mine.page.getByRole('heading', { name: 'Check your mail' }).waitFor();
      const mail = await mails.find('ana@example.com', /you have an account with it/);
      assert.doesNotMatch(mail, /token=/);
    });
  });

  suite.test('change that waits for its link is cancelled', async ({ keyrack, open }) => {
    await withMails(keyrack, async (mails) => {
      const mine = await open();
      await mine.signIn(USER);
      await ask(mine, NEW_EMAIL);
      const link = await mails.link(NEW_EMAIL, '/verify');
      await mine.page.goto('/account/email');
      await mine.page.getByText(`A change to ${NEW_EMAIL} was asked for`).waitFor();
      await mine.navigate(() => mine.page.getByRole('button', { name: 'Cancel this change' }).click());
      await mine.page.getByText('The change of your email address is cancelled.').waitFor();
      await mine.page.goto(link);
      await mine.page.getByRole('heading', { name: 'This link no longer works' }).waitFor();
    });
  });
});
