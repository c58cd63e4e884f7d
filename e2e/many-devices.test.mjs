import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone } = DEVICES;
/** The other devices on the first page: it has 50 rows. */
const FIRST_PAGE = 49;
const SECOND_PAGE = 21;

/** The server ends so many sessions at a time, and may answer with the page that shows the progress after the first. */
const BATCH = 200;

/** Opens the confirmation at the top of the list, and confirms. Returns the response of the next page. */
function signOutOthers(device) {
  const { page } = device;
  return device.navigate(async () => {
    await page.getByText('Sign out all other devices').first().click();
    await page.getByRole('button', { name: 'Yes, sign them all out' }).first().click();
  });
}

onEveryEngine('Many devices', (suite) => {
  suite.test('list has pages, and each can sign all others out', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.addSessions(FIRST_PAGE + SECOND_PAGE);
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await page.getByText(`${FIRST_PAGE + SECOND_PAGE + 1} active sessions`).waitFor();
    const titles = () => page.locator('.devices h3').allInnerTexts();
    const first = await titles();
    assert.equal(first.length, FIRST_PAGE);
    await device.navigate(() => page.getByRole('link', { name: 'More devices' }).click());
    const second = await titles();
    assert.equal(second.length, SECOND_PAGE);
    assert.equal(new Set([...first, ...second]).size, FIRST_PAGE + SECOND_PAGE, 'the pages share no row and leave none out');
    await signOutOthers(device);
    assert.equal(await page.getByRole('status').innerText(), `Signed out ${FIRST_PAGE + SECOND_PAGE} other devices.`);
    await page.getByText('1 active session', { exact: true }).waitFor();
  });

  suite.test('progress is shown until no other device is left', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.restart({ KEYRACK_MAX_SESSIONS: '0' });
    await keyrack.addSessions(5 * BATCH);
    await keyrack.database.slowDownEnds(4 * BATCH);
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    await keyrack.signIn(phone.userAgent);
    await signOutOthers(device);
    assert.equal(new URL(page.url()).pathname, '/account/sessions/signing-out');
    assert.match(await page.getByRole('status').innerText(), /^\d+ devices? left$/);
    assert.equal(await page.getByRole('button', { name: 'Sign out the other devices' }).count(), 1);
    // The page loads itself again, and leads to the devices when it is done.
    await page.waitForURL('**/account/sessions', { timeout: 60_000 });
    assert.equal(await page.getByRole('status').innerText(), 'Signed out all other devices.');
    await page.getByText('1 active session', { exact: true }).waitFor();
  });
});
