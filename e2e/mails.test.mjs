import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { DEVICES } from './support/browser.mjs';
import { USER } from './support/keyrack.mjs';
import { MailServer } from './support/mail-server.mjs';
import { onEveryEngine } from './support/suite.mjs';

const NEW = 'seven hills, one river';

onEveryEngine('Links in mails', (suite) => {
  let mails;
  before(async () => {
    mails = await MailServer.start();
  });
  after(() => mails.stop());

  // Each test has its own address: they share the mail server.
  const start = async (keyrack, email) => {
    await keyrack.restart(mails.settings);
    const user = { ...USER, email };
    await keyrack.addUser(user);
    return user;
  };

  suite.test('forgotten password is replaced by the link in a mail', async ({ keyrack, open, scripts }) => {
    const user = await start(keyrack, `forgot-${suite.engine.name}-${scripts}@example.com`.toLowerCase());
    const device = await open();
    const { page } = device;
    await page.goto('/login');
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await page.getByLabel('Email').fill(user.email);
    await page.getByRole('button', { name: 'Send the link' }).click();
    await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
    const mail = await mails.mail(`To: ${user.email}`);
    await page.goto(mail.link);
    await page.getByText('you will be signed in here').waitFor();
    await page.getByLabel('New password', { exact: true }).fill(NEW);
    await page.getByLabel('Confirm new password').fill(NEW);
    await page.getByRole('button', { name: 'Set the password' }).click();
    await page.getByText('1 active session').waitFor();
    await page.goto(mail.link);
    await page.getByRole('heading', { name: 'This link has already been used' }).waitFor();
  });

  suite.test('invitation leads to the first password, once', async ({ keyrack, open, scripts }) => {
    await keyrack.restart(mails.settings);
    const email = `invited-${suite.engine.name}-${scripts}@example.com`.toLowerCase();
    await keyrack.command(['user', 'invite', email]);
    const mail = await mails.mail(`To: ${email}`);
    assert.match(mail.text, /^Subject: Your account at /m);
    const { page } = await open();
    await page.goto(mail.link);
    await page.getByText('Choose a password for your account.').waitFor();
    await page.getByLabel('New password', { exact: true }).fill('short');
    await page.getByLabel('Confirm new password').fill('short');
    await page.getByRole('button', { name: 'Set the password' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('New password', { exact: true }).fill(NEW);
    await page.getByLabel('Confirm new password').fill(NEW);
    await page.getByRole('button', { name: 'Set the password' }).click();
    await page.getByText('1 active session').waitFor();
    const again = await open();
    await again.page.goto(mail.link);
    await again.page.getByRole('heading', { name: 'This link has already been used' }).waitFor();
    await again.signIn({ email, password: NEW });
  });

  suite.test('link of a notice signs the device out that it tells of', async ({ keyrack, open, scripts }) => {
    const user = await start(keyrack, `notice-${suite.engine.name}-${scripts}@example.com`.toLowerCase());
    const owner = await open();
    await owner.signIn(user);
    const thief = await open(DEVICES.phone);
    await thief.signIn(user);
    const mail = await mails.mail(`To: ${user.email}`);
    assert.match(mail.text, /New sign-in/);
    const reader = await open();
    await reader.page.goto(mail.link);
    await reader.page.getByRole('heading', { name: 'Was this not you?' }).waitFor();
    await thief.page.goto('/account/sessions');
    assert.equal(thief.path(), '/account/sessions', 'opening the link ends nothing');
    await reader.page.getByRole('button', { name: 'Sign the device out' }).click();
    await reader.page.getByText('The device is signed out.').waitFor();
    await thief.page.goto('/account/sessions');
    assert.match(thief.path(), /^\/login/);
    await owner.page.goto('/account/sessions');
    await owner.page.getByText('1 active session').waitFor();
    await reader.page.goto('/account/sessions');
    assert.match(reader.path(), /^\/login/, 'the link lets no one in');
  });
});
