import assert from 'node:assert/strict';

import { USER } from './support/keyrack.mjs';
import { onEveryEngine } from './support/suite.mjs';

onEveryEngine('The language', (suite) => {
  suite.test('is chosen at the end of a page, and kept', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open({ locale: 'fr-FR' });
    const { page } = device;
    await page.goto('/login');
    assert.equal(await page.getAttribute('html', 'lang'), 'en');
    await device.navigate(() => page.getByRole('button', { name: 'Deutsch' }).click());
    assert.equal(device.path(), '/login');
    await page.getByLabel('E-Mail-Adresse').fill(USER.email);
    await page.getByLabel('Passwort').fill(USER.password);
    await device.navigate(() => page.getByRole('button', { name: 'Anmelden' }).click());
    await page.getByRole('heading', { name: 'Ihre Geräte', level: 1 }).waitFor();
    await page.goto('/account/activity');
    await device.navigate(() => page.getByRole('button', { name: 'English' }).click());
    assert.equal(device.path(), '/account/activity');
    await page.getByRole('heading', { name: 'Your activity', level: 1 }).waitFor();
  });

  suite.test('is the one that the browser asks for', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const { page } = await open({ locale: 'de-AT' });
    await page.goto('/nothing/here');
    await page.getByRole('heading', { name: 'Nicht gefunden' }).waitFor();
    assert.equal(await page.getAttribute('html', 'lang'), 'de');
  });
});
