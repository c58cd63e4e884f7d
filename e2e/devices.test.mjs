import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone, laptop, desk } = DEVICES;

onEveryEngine('Devices', (suite) => {
  suite.test('devices list each other, and one revokes the other', async ({ keyrack, open, scripts }) => {
    await keyrack.addUser();
    const mine = await open({ userAgent: laptop.userAgent });
    const lost = await open({ userAgent: phone.userAgent });
    await mine.signIn(USER);
    await lost.signIn(USER);
    await mine.page.reload();
    for (const [device, own, other] of [[mine, laptop, phone], [lost, phone, laptop]]) {
      await device.page.getByText('2 active sessions').waitFor();
      assert.equal(await device.page.locator('.device-current h3').innerText(), own.title);
      assert.match(await device.row(other.title).innerText(), /Active now/);
    }

    await mine.navigate(() => mine.row(phone.title).getByRole('button', { name: 'Revoke' }).click());
    assert.equal(mine.path(), '/account/sessions');
    assert.equal(await mine.page.getByRole('status').innerText(), `Signed out ${phone.title}.`);
    await mine.page.getByText('No other devices are signed in.').waitFor();
    await mine.page.reload();
    assert.equal(await mine.page.getByRole('status').count(), 0, 'the notice is shown once');

    if (scripts) {
      await lost.page.getByRole('heading', { name: 'You are signed out' }).waitFor();
      await lost.navigate(() => lost.page.getByRole('link', { name: 'Sign in again' }).click());
      assert.equal(lost.path(), '/login?next=%2Faccount%2Fsessions');
    } else {
      await lost.navigate(() => lost.page.getByRole('link', { name: 'History' }).click());
      assert.equal(lost.path(), '/login?next=%2Faccount%2Fsessions%3Fshow%3Dended');
    }
    assert.equal(await lost.page.getByText(USER.name).count(), 0);
  });

  // With JavaScript, the form is gone by then: see live.test.mjs.
  suite.testWithoutScripts('form of a revoked device changes nothing', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const mine = await open({ userAgent: laptop.userAgent });
    const lost = await open({ userAgent: phone.userAgent });
    await mine.signIn(USER);
    await lost.signIn(USER);
    await mine.page.reload();
    await mine.navigate(() => mine.row(phone.title).getByRole('button', { name: 'Revoke' }).click());

    await lost.navigate(() => lost.row(laptop.title).getByRole('button', { name: 'Revoke' }).click());
    assert.equal(lost.path(), '/login?next=%2Faccount%2Fsessions');
    await mine.page.reload();
    await mine.page.getByText('1 active session', { exact: true }).waitFor();
  });

  suite.test('several selected devices are signed out together', async ({ keyrack, open }) => {
    await keyrack.addUser();
    for (const { userAgent } of [phone, desk]) await keyrack.signIn(userAgent);
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    await device.navigate(() => page.getByRole('button', { name: 'Sign out the selected devices' }).click());
    await page.getByText('No device was selected, so nothing was changed.').waitFor();
    for (const { title } of [phone, desk]) await device.row(title).getByRole('checkbox').check();
    await device.navigate(() => page.getByRole('button', { name: 'Sign out the selected devices' }).click());
    assert.equal(await page.getByRole('status').innerText(), 'Signed out 2 devices.');
    await page.getByText('No other devices are signed in.').waitFor();
  });

  suite.test('all devices, with this one, are signed out', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    await page.getByText('Sign out all other devices').first().click();
    await device.navigate(() => page.getByRole('button', { name: 'Sign out everywhere' }).first().click());
    assert.equal(device.path(), '/login');
  });

  suite.test('all other devices are signed out after confirmation', async ({ keyrack, open }) => {
    await keyrack.addUser();
    for (const { userAgent } of [phone, desk, desk]) await keyrack.signIn(userAgent);
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    await page.getByText('4 active sessions').waitFor();
    const confirm = page.getByRole('button', { name: 'Yes, sign them all out' });
    assert.ok(await confirm.isHidden(), 'the button is hidden until it is needed');

    await page.getByText('Sign out all other devices').first().click();
    await page.getByText('All 3 other devices will be signed out immediately.').first().waitFor();
    await device.navigate(() => confirm.click());
    assert.equal(device.path(), '/account/sessions');
    assert.equal(await page.getByRole('status').innerText(), 'Signed out 3 other devices.');
    await page.getByText('1 active session', { exact: true }).waitFor();
    assert.equal(await page.getByText('Sign out all other devices').count(), 0);
  });

  suite.test('user agent with markup is shown as text', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const hostile = '"><img src=x onerror=alert(1)><script>alert(2)</script><form action="//elsewhere.example">';
    await keyrack.signIn(hostile);
    const device = await open();
    await device.signIn(USER);
    await device.page.locator('.devices .device-details summary').click();
    assert.ok((await device.page.locator('.devices .code').innerText()).includes('<script>alert(2)</script>'));
    assert.equal(await device.page.locator('main img, main script, form:not([action^="/"])').count(), 0);
  });
});
