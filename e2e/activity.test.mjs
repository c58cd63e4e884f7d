import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone, laptop } = DEVICES;
const PAGE_ROWS = 50;

/** The lines of the list, the newest first: what happened, and the facts below it. */
async function rows(page) {
  const items = await page.locator('.event').all();
  return Promise.all(items.map(async (item) => [
    await item.getByRole('heading').innerText(), await item.locator('p').innerText(),
  ]));
}

onEveryEngine('Activity', (suite) => {
  suite.test('page tells what happened, on which device, and by whom', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const mine = await open({ userAgent: laptop.userAgent });
    const other = await open({ userAgent: phone.userAgent });
    const { page } = mine;
    await other.page.goto('/login');
    await other.submitSignIn({ ...USER, password: 'another password' });
    await other.submitSignIn(USER);
    await mine.signIn(USER);
    await mine.navigate(() => mine.row(phone.title).getByRole('button', { name: 'Revoke' }).click());

    await mine.navigate(() => page.getByRole('link', { name: 'Activity' }).click());
    assert.equal(mine.path(), '/account/activity');
    assert.equal(await page.locator('[aria-current=page]').innerText(), 'Activity');
    const texts = (await rows(page)).filter(([text]) => !/browser/i.test(text));
    const expected = [
      ['Revoked from another device', phone.title], ['Signed in with the password', laptop.title],
      ['Signed in with the password', phone.title], ['Sign-in failed: wrong password', '127.0.0.1'],
    ];
    assert.deepEqual(texts.slice(0, 4).map(([text]) => text), expected.map(([text]) => text));
    for (const [index, [, fact]] of expected.entries()) assert.ok(texts[index][1].includes(fact), texts[index][1]);
    const alerts = await page.locator('.event-alert').allInnerTexts();
    assert.equal(alerts.length, 1);
    assert.match(alerts[0], /wrong password/);

    await mine.navigate(() => page.getByRole('link', { name: phone.title }).first().click());
    assert.match(mine.path(), /^\/account\/sessions\/[\da-f-]{36}$/);
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), phone.title);
  });

  suite.test('what an administrator did is said to be theirs', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    await keyrack.command(['user', 'set-role', USER.email, 'admin']);
    await keyrack.command(['session', 'revoke-all', '--user', USER.email]);
    const device = await open();
    await device.signIn(USER);
    await device.page.goto('/account/activity');
    const texts = await rows(device.page);
    const role = texts.find(([text]) => text === 'Role changed from user to admin');
    assert.match(role?.[1] ?? '', /By an administrator/);
    assert.ok(texts.some(([text]) => text === 'Revoked by an administrator'));
  });

  suite.test('long activity has pages', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await keyrack.addSessions(PAGE_ROWS);
    await page.goto('/account/activity');
    const links = () => page.locator('.event a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    const newest = await links();
    assert.equal(newest.length, PAGE_ROWS);
    assert.equal(await page.getByRole('link', { name: 'Newest' }).count(), 0);

    await device.navigate(() => page.getByRole('link', { name: 'Older' }).click());
    const oldest = await links();
    assert.ok(oldest.length > 0);
    assert.ok(oldest.every((link) => !newest.includes(link)), 'the pages share no event');
    assert.equal(await page.getByRole('link', { name: 'Older' }).count(), 0);

    await device.navigate(() => page.getByRole('link', { name: 'Newest' }).click());
    assert.deepEqual(await links(), newest);
  });
});
