import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { USER } from './support/keyrack.mjs';
import { onEveryEngine } from './support/suite.mjs';

const { phone, laptop } = DEVICES;

const signedOut = (page) => page.getByRole('heading', { level: 1, name: 'You are signed out' });

/** The streams that a device has opened so far. */
const streams = (device) => device.requests.filter((request) => request === 'GET /account/events').length;

/** Asks until the answer is as expected. */
async function pollUntil(ask, isExpected) {
  for (const end = Date.now() + 15_000; Date.now() < end;) {
    const answer = await ask();
    if (isExpected(answer)) return answer;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error('it did not happen');
}

onEveryEngine('Open pages', (suite) => {
  suite.testWithScripts('show at once that their session was revoked', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const [own, other] = [await open({ userAgent: laptop.userAgent }), await open({ userAgent: phone.userAgent })];
    await own.signIn(USER);
    await other.signIn(USER);
    const path = own.path();
    await other.row(laptop.title).getByRole('button', { name: 'Revoke' }).click();
    await signedOut(own.page).waitFor();
    assert.equal(own.path(), path, 'the page is not another one');
    const text = await own.page.locator('body').innerText();
    assert.match(text, /signed out .*from another of your devices/);
    assert.doesNotMatch(await own.page.content(), new RegExp(`${USER.email}|${USER.name}|${phone.title}`));
    assert.match(await own.page.title(), /signed out/);
    await own.navigate(() => own.page.getByRole('link', { name: 'Sign in again' }).click());
    assert.match(own.path(), /^\/login\?next=/);
  });

  suite.testWithScripts('follow the list of devices', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await keyrack.signIn(phone.userAgent);
    await device.signIn(USER);
    await device.row(phone.title).locator('summary').click();
    await keyrack.signIn(DEVICES.desk.userAgent);
    await device.row(DEVICES.desk.title).waitFor();
    await page.getByText('3 active sessions').waitFor();
    assert.ok(await device.row(phone.title).locator('details').evaluate((details) => details.open), 'what is open stays open');
    const summary = device.row(phone.title).locator('summary');
    await summary.focus();
    await keyrack.command(['session', 'revoke', await keyrack.sessionId(DEVICES.desk.userAgent)]);
    await device.row(DEVICES.desk.title).waitFor({ state: 'detached' });
    assert.ok(await device.row(phone.title).locator('details').evaluate((details) => details.open));
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'SUMMARY', 'the focus stays');
  });

  suite.testWithScripts('share one stream per browser', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open({ userAgent: laptop.userAgent });
    await device.signIn(USER);
    await device.page.waitForFunction(async () => (await navigator.locks.query()).held.length === 1);
    const second = await device.context.newPage();
    await second.goto('/account/activity');
    await second.waitForFunction(async () => (await navigator.locks.query()).pending.length === 1);
    const opened = streams(device);
    await keyrack.signIn(phone.userAgent);
    await device.row(phone.title).waitFor();
    assert.equal(streams(device), opened, 'the second page opened none');
    // The next page takes over.
    await device.page.goto('about:blank');
    await second.waitForFunction(async () => (await navigator.locks.query()).pending.length === 0);
    const other = await open({ userAgent: phone.userAgent });
    await other.signIn(USER);
    await other.row(laptop.title).first().getByRole('button', { name: 'Revoke' }).click();
    await signedOut(second).waitFor();
  });

  suite.testWithScripts('take over from a page that reads the stream and hangs', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open({ userAgent: laptop.userAgent });
    await device.signIn(USER);
    await device.page.waitForFunction(async () => (await navigator.locks.query()).held.length === 1);
    const pages = [];
    await device.context.clock.install();
    for (const path of ['/account/activity', '/account/password']) {
      const page = await device.context.newPage();
      await page.goto(path);
      await page.waitForFunction(async () => (await navigator.locks.query()).pending.length > 0);
      pages.push(page);
    }
    // It keeps the lock and the connection, and says nothing, like a suspended one.
    await device.page.evaluate(() => { BroadcastChannel.prototype.postMessage = () => {}; });
    const holder = () => pages[0].evaluate(async () => (await navigator.locks.query()).held[0].clientId);
    const hanging = await holder();
    const { clock } = device.context; // that of all pages
    await clock.fastForward('01:30');
    await clock.runFor(10_000);
    await pollUntil(holder, (found) => found !== hanging);
    await keyrack.command(['session', 'revoke', await keyrack.sessionId(laptop.userAgent)]);
    for (const page of pages) await signedOut(page).waitFor();
    await signedOut(device.page).waitFor();
    device.problems.length = 0;
  });

  suite.testWithScripts('warn before an idle session ends, and stay by one key', async ({ keyrack, open }) => {
    await keyrack.restart({ KEYRACK_IDLE_TIMEOUT: '24s' });
    await keyrack.addUser();
    const device = await open({ userAgent: laptop.userAgent });
    const { page } = device;
    await device.signIn(USER);
    const dialog = page.getByRole('dialog', { name: 'You are about to be signed out' });
    await dialog.waitFor({ timeout: 30_000 });
    assert.match(await dialog.innerText(), /Do you want to stay signed in\?/);
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await dialog.waitFor({ timeout: 40_000 });
    // The user has left.
    await signedOut(page).waitFor({ timeout: 40_000 });
    assert.match(await page.locator('main').innerText(), /used for too long/);
  });

  suite.testWithScripts('follow their session again after a restart of the server', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open({ userAgent: laptop.userAgent });
    await device.signIn(USER);
    await keyrack.restart({});
    await keyrack.signIn(phone.userAgent);
    await device.row(phone.title).waitFor({ timeout: 60_000 });
    device.problems.length = 0; // the browser reports the lost connection
  });
});

onEveryEngine('Pages from the back/forward cache', (suite) => {
  suite.testWithScripts('show nothing of a session that has ended', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const [own, other] = [await open({ userAgent: laptop.userAgent }), await open({ userAgent: phone.userAgent })];
    await own.signIn(USER);
    await other.signIn(USER);
    await own.page.goto('about:blank');
    await other.row(laptop.title).getByRole('button', { name: 'Revoke' }).click();
    await other.page.getByRole('status').waitFor();
    await own.page.goBack();
    await own.page.getByRole('button', { name: 'Sign in' }).waitFor();
    assert.match(own.path(), /^\/login/);
  });
}, { backForwardCache: true });
