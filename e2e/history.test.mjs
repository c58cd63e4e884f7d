import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone, laptop, desk } = DEVICES;
const PAGE_ROWS = 50;

onEveryEngine('History', (suite) => {
  suite.test('history shows why each session ended', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(desk.userAgent);
    await keyrack.command(['session', 'revoke-all', '--user', USER.email]);
    const other = await open({ userAgent: phone.userAgent });
    await other.signIn(USER);
    await other.navigate(() => other.page.locator('.device-current').getByRole('button', { name: 'Sign out' }).click());
    await keyrack.signIn(laptop.userAgent);
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    await device.navigate(() => device.row(laptop.title).getByRole('button', { name: 'Revoke' }).click());

    await device.navigate(() => page.getByRole('link', { name: 'History' }).click());
    const rows = await page.locator('.devices-ended > li').allInnerTexts();
    const expected = [
      [laptop.title, /^Revoked/m], [phone.title, /^Signed out/m], [desk.title, /^Revoked by an administrator/m],
    ];
    assert.equal(rows.length, expected.length);
    for (const [index, [title, reason]] of expected.entries()) {
      assert.ok(rows[index].startsWith(title), rows[index]);
      assert.match(rows[index], reason);
    }
    assert.equal(await page.locator('main form').count(), 0, 'an ended session has no form');
    assert.equal(await page.locator('[aria-current=page]').innerText(), 'History');
  });

  suite.test('long history has pages', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const agents = Array.from({ length: PAGE_ROWS + 2 }, (_, index) => `made-up-agent/${index + 1}.0`);
    for (const agent of agents) await keyrack.signIn(agent);
    await keyrack.command(['session', 'revoke-all', '--everyone']);
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await page.goto('/account/sessions?show=ended');
    const titles = () => page.locator('.devices-ended h3').allInnerTexts();
    const newest = await titles();
    assert.equal(newest.length, PAGE_ROWS);
    assert.equal(await page.getByRole('link', { name: 'Newest' }).count(), 0);

    await device.navigate(() => page.getByRole('link', { name: 'Older' }).click());
    const oldest = await titles();
    assert.equal(oldest.length, 2);
    assert.equal(new Set([...newest, ...oldest]).size, PAGE_ROWS + 2, 'the pages share no row and leave none out');
    assert.equal(await page.getByRole('link', { name: 'Older' }).count(), 0);

    await device.navigate(() => page.getByRole('link', { name: 'Newest' }).click());
    assert.deepEqual(await titles(), newest);
  });
});
