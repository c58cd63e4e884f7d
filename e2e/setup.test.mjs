import assert from 'node:assert/strict';

import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

onEveryEngine('Setup', (suite) => {
  suite.test('printed link creates the first account and signs it in', async ({ keyrack, open }) => {
    const device = await open();
    const { page } = device;
    const link = await keyrack.setupLink();
    await page.goto(link);
    await page.getByLabel('Email').fill(USER.email);
    await page.getByLabel('First name').fill('Rajat');
    await page.getByLabel('Last name').fill('Verma');
    await page.getByLabel('Password', { exact: true }).fill(USER.password);
    await page.getByLabel('Confirm password').fill(USER.password);
    await device.navigate(() => page.getByRole('button', { name: 'Create account' }).click());

    assert.equal(device.path(), '/account/sessions');
    await page.getByText('1 active session', { exact: true }).waitFor();
    await page.getByText('No other devices are signed in.').waitFor();
    await page.getByText('Rajat Verma').waitFor();

    const again = await page.goto(link);
    assert.equal(again.status(), 404, 'the link works once');
  });

  suite.test('invalid fields show their errors and keep their values', async ({ keyrack, open }) => {
    const device = await open();
    const { page } = device;
    await page.goto(await keyrack.setupLink());
    await page.getByLabel('Email').fill(USER.email);
    await page.getByLabel('First name').fill(' ');
    await page.getByLabel('Password', { exact: true }).fill('too short');
    await page.getByLabel('Confirm password').fill('another one');
    const answer = await device.navigate(() => page.getByRole('button', { name: 'Create account' }).click());

    assert.equal(answer.status(), 422);
    assert.equal(await page.getByLabel('Email').inputValue(), USER.email);
    for (const name of ['First name', 'Password', 'Confirm password']) {
      const field = page.getByLabel(name, { exact: true });
      assert.equal(await field.getAttribute('aria-invalid'), 'true', name);
      const [description] = (await field.getAttribute('aria-describedby')).split(' ');
      assert.match(await page.locator(`#${description}`).innerText(), /Error:/, name);
    }
    for (const name of ['Password', 'Confirm password']) {
      assert.equal(await page.getByLabel(name, { exact: true }).inputValue(), '', 'passwords are not sent back');
    }
    await page.getByRole('alert').getByRole('link', { name: 'Confirm password' }).click();
    const focused = await page.locator(':focus').getAttribute('name');
    assert.equal(focused, 'password_again', 'the error summary links to the field');
  });
});
