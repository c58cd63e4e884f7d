import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone, laptop } = DEVICES;

/** Opens the page of a session from the details of its row. */
async function openSession(device, row) {
  await row.locator('summary').click();
  await device.navigate(() => row.getByRole('link', { name: /^Everything about/ }).click());
  assert.match(device.path(), /^\/account\/sessions\/[\da-f-]{36}$/);
}

/** What the page says of one fact. */
const fact = (page, name) => page.locator('.facts > div').filter({ has: page.getByText(name, { exact: true }) })
  .locator('dd').innerText();

onEveryEngine('One session', (suite) => {
  suite.test('page shows all that is known, and revokes', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    await openSession(device, device.row(phone.title));
    const path = device.path();
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), phone.title);
    assert.equal(await fact(page, 'Session ID'), path.split('/').at(-1));
    assert.equal(await fact(page, 'User agent'), phone.userAgent);
    assert.equal(await fact(page, 'Signed in by'), 'Password');
    assert.equal(await fact(page, 'Keep me signed in'), 'Off');
    await page.getByRole('heading', { name: 'Signed in with the password' }).waitFor();

    await device.navigate(() => page.getByRole('button', { name: 'Revoke' }).click());
    assert.equal(device.path(), '/account/sessions');
    assert.equal(await page.getByRole('status').innerText(), `Signed out ${phone.title}.`);

    await page.goto(path);
    assert.match(await fact(page, 'Ended'), /^Revoked from another device, /);
    await page.getByRole('heading', { name: 'Revoked from another device' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Revoke' }).count(), 0, 'an ended session can’t be revoked');
  });

  suite.test('page of this session signs out', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    await openSession(device, page.locator('.device-current'));
    await page.getByText('This device', { exact: true }).waitFor();
    await device.navigate(() => page.locator('main').getByRole('button', { name: 'Sign out' }).click());
    assert.equal(device.path(), '/login');
  });

  suite.test('session gets a name, and messages use it', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    await openSession(device, device.row(phone.title));
    await page.getByLabel('Name of this session').fill('Phone at work');
    await device.navigate(() => page.getByRole('button', { name: 'Save name' }).click());
    assert.equal(await page.getByRole('status').innerText(), `${phone.title} is now called “Phone at work”.`);
    await page.goto('/account/sessions');
    assert.match(await device.row('Phone at work').innerText(), new RegExp(phone.title));
    await device.navigate(() => device.row('Phone at work').getByRole('button', { name: 'Revoke' }).click());
    assert.equal(await page.getByRole('status').innerText(), `Signed out Phone at work (${phone.title}).`);
  });

  suite.test('session that was not the owner’s is reported, and a new password follows', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    await keyrack.signIn(phone.userAgent);
    await page.reload();
    await device.row(phone.title).getByText('New', { exact: true }).waitFor();
    await device.navigate(() => device.row(phone.title).getByRole('link', { name: /^This wasn’t me/ }).first().click());
    await device.navigate(() => page.getByRole('button', { name: 'It wasn’t me' }).click());
    await page.getByRole('heading', { name: 'This wasn’t you', exact: true }).waitFor();
    await page.getByText('No other session began with the same password since.').waitFor();
    await device.navigate(() => page.getByRole('link', { name: 'Choose a new password' }).click());
    await page.getByText('Someone else knows your password').waitFor();
    await page.goto('/account/sessions');
    await page.getByText('No other devices are signed in.').waitFor();
  });

  suite.test('page of another user’s session does not exist', async ({ keyrack, open }) => {
    const other = { ...USER, email: 'other@example.com' };
    await keyrack.addUser();
    await keyrack.addUser(other);
    await keyrack.signIn(phone.userAgent, other);
    const [session] = JSON.parse(await keyrack.command(['session', 'list', '--json']));
    const device = await open();
    await device.signIn(USER);
    const answer = await device.page.goto(`/account/sessions/${session.id}`);
    assert.equal(answer.status(), 404);
    assert.equal(await device.page.getByText(other.email).count(), 0);
  });
});
