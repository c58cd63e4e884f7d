import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone } = DEVICES;

onEveryEngine('Error pages', (stage) => {
  stage.test('an unknown address says so and leads back', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    for (const signedIn of [false, true]) {
      if (signedIn) await device.signIn(USER);
      const answer = await page.goto('/nothing/here');
      assert.equal(answer.status(), 404);
      await page.getByRole('heading', { name: 'This does not exist' }).waitFor();
      await device.following(() => page.getByRole('link', { name: 'Your devices' }).click());
      assert.equal(device.path(), signedIn ? '/account/sessions' : '/login?next=%2Faccount%2Fsessions');
    }
  });

  stage.test('a form of an earlier session is refused and changes nothing', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open();
    await device.signIn(USER);
    const old = device.page;
    device.page = await device.context.newPage();
    await device.page.goto('/account/sessions');
    await device.following(() => device.page.locator('.sign-out button').click());
    await device.submitSignIn(USER);

    device.page = old;
    const answer = await device.following(() => device.row(phone.title).getByRole('button', { name: 'Revoke' }).click());
    assert.equal(answer.status(), 403);
    await old.getByRole('heading', { name: 'This form is no longer valid' }).waitFor();
    await device.following(() => old.getByRole('link', { name: 'Your devices' }).click());
    await device.row(phone.title).waitFor();
  });

  stage.test('while nothing can be written, nothing changes and nobody is signed out', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    const cookies = await device.context.cookies();
    const repair = await keyrack.database.interrupt();
    try {
      const answer = await device.following(() => page.getByRole('button', { name: 'Revoke' }).click());
      assert.equal(answer.status(), 503);
      assert.match(await answer.headerValue('retry-after'), /^\d+$/);
      await page.getByRole('heading', { name: 'Back in a moment' }).waitFor();
    } finally {
      await repair();
    }
    await page.goto('/account/sessions');
    assert.deepEqual(await device.context.cookies(), cookies);
    await device.following(() => device.row(phone.title).getByRole('button', { name: 'Revoke' }).click());
    assert.equal(await page.getByRole('status').innerText(), `Signed out ${phone.title}.`);
  });

  stage.test('a sign-in that can’t be written keeps what was typed', async ({ keyrack, open }) => {
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
