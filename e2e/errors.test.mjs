import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone } = DEVICES;

onEveryEngine('Error pages', (suite) => {
  suite.test('unknown address shows 404 with a link to the devices', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    for (const signedIn of [false, true]) {
      if (signedIn) await device.signIn(USER);
      const answer = await page.goto('/nothing/here');
      assert.equal(answer.status(), 404);
      await page.getByRole('heading', { name: 'This does not exist' }).waitFor();
      await device.navigate(() => page.getByRole('link', { name: 'Your devices' }).click());
      assert.equal(device.path(), signedIn ? '/account/sessions' : '/login?next=%2Faccount%2Fsessions');
    }
  });

  // With JavaScript, the form is gone by then: see live.test.mjs.
  suite.testWithoutScripts('form of an earlier session is refused with 403', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open();
    await device.signIn(USER);
    const old = device.page;
    device.page = await device.context.newPage();
    await device.page.goto('/account/sessions');
    await device.navigate(() => device.page.locator('.sign-out button').click());
    await device.submitSignIn(USER);

    device.page = old;
    const answer = await device.navigate(() => device.row(phone.title).getByRole('button', { name: 'Revoke' }).click());
    assert.equal(answer.status(), 403);
    await old.getByRole('heading', { name: 'This form is no longer valid' }).waitFor();
    await device.navigate(() => old.getByRole('link', { name: 'Your devices' }).click());
    await device.row(phone.title).waitFor();
  });

  suite.test('write outage shows 503 and keeps the session', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    const cookies = await device.context.cookies();
    const repair = await keyrack.database.interrupt();
    try {
      const answer = await device.navigate(() => page.getByRole('button', { name: 'Revoke' }).click());
      assert.equal(answer.status(), 503);
      assert.match(await answer.headerValue('retry-after'), /^\d+$/);
      await page.getByRole('heading', { name: 'Back in a moment' }).waitFor();
    } finally {
      await repair();
    }
    await page.goto('/account/sessions');
    assert.deepEqual(await device.context.cookies(), cookies);
    await device.navigate(() => device.row(phone.title).getByRole('button', { name: 'Revoke' }).click());
    assert.equal(await page.getByRole('status').innerText(), `Signed out ${phone.title}.`);
  });

  suite.test('sign-in during a write outage shows 503 and works afterwards', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await page.goto('/login');
    const repair = await keyrack.database.interrupt();
    try {
      const answer = await device.submitSignIn(USER);
      assert.equal(answer.status(), 503);
    } finally {
      await repair();
    }
    assert.deepEqual((await device.context.cookies()).map(({ name }) => name), ['keyrack.csrf']);
    await device.signIn(USER);
  });
});
