import assert from 'node:assert/strict';

import { USER } from './support/keyrack.mjs';
import { onEveryEngine } from './support/suite.mjs';

onEveryEngine('Client hints', (suite) => {
  suite.test('Chromium sends the hints that the form asked for', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    await device.signIn(USER);
    const version = suite.browser.version();

    const [session] = JSON.parse(await keyrack.command(['session', 'list', '--json']));
    assert.match(session.client_hints, /^platform="Linux", /);
    assert.match(session.client_hints, /mobile=\?0/);
    assert.match(session.client_hints, /form-factors=\("Desktop"\)/);
    assert.ok(session.client_hints.includes(`;v="${version}"`), session.client_hints);
    assert.match(session.device, new RegExp(`Chrom\\w+ ${version.split('.')[0]} on Linux$`));

    await device.navigate(() => device.page.goto(`/account/sessions/${session.id}`));
    await device.page.getByText(version, { exact: true }).waitFor();
    assert.equal(await device.page.getByRole('heading', { level: 1 }).innerText(), session.device);
  });
});
