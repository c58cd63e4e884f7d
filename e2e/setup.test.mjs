import assert from 'node:assert/strict';

import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

onEveryEngine('First run', (stage) => {
  stage.test('the printed link leads to an account and its one device', async ({ keyrack, open }) => {
    const device = await open();
    const { page } = device;
    const link = await keyrack.setupLink();
    await page.goto(link);
    await page.getByLabel('Email').fill(USER.email);
    await page.getByLabel('First name').fill('Rajat');
    await page.getByLabel('Last name').fill('Verma');
    await page.getByLabel('Password', { exact: true }).fill(USER.password);
    await page.getByLabel('Confirm password').fill(USER.password);
    await device.following(() => page.getByRole('button', { name: 'Create account' }).click());

    assert.equal(device.path(), '/account/sessions');
    await page.getByText('1 active session', { exact: true }).waitFor();
    await page.getByText('No other devices are signed in.').waitFor();
    await page.getByText('Rajat Verma').waitFor();

    const again = await page.goto(link);
    assert.equal(again.status(), 404, 'the link works once');
  });

  stage.test('what is wrong is said at its field, and what was typed stays', async ({ keyrack, open }) => {
    const device = await open();
    const { page } = device;
    await page.goto(await keyrack.setupLink());
    await page.getByLabel('Email').fill(USER.email);
    await page.getByLabel('First name').fill(' ');
    await page.getByLabel('Password', { exact: true }).fill('too short');
    await page.getByLabel('Confirm password').fill('another one');
    const answer = await device.following(() => page.getByRole('button', { name: 'Create account' }).click());

    assert.equal(answer.status(), 422);
    assert.equal(await page.getByLabel('Email').inputValue(), USER.email);
    for (const name of ['First name', 'Password', 'Confirm password']) {
      const field = page.getByLabel(name, { exact: true });
      assert.equal(await field.getAttribute('aria-invalid'), 'true', name);
      const [description] = (await field.getAttribute('aria-describedby')).split(' ');
      assert.match(await page.locator(`#${description}`).innerText(), /Error:/, name);
    }
    for (const name of ['Password', 'Confirm password']) {
      assert.equal(await page.getByLabel(name, { exact: true }).inputValue(), '', 'no password comes back');
    }
    await page.getByRole('alert').getByRole('link', { name: 'Confirm password' }).click();
    assert.equal(await page.locator(':focus').getAttribute('name'), 'password_again', 'the list leads to the field');
  });
});
