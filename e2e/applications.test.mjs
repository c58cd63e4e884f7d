import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { hasShop, startApplication, startProxy, startShop } from './support/application.mjs';
import { DEVICES } from './support/browser.mjs';
import { USER } from './support/keyrack.mjs';
import { onEveryEngine } from './support/suite.mjs';

const { phone, laptop } = DEVICES;

/** Revokes the session of the laptop on Keyrack's page. Returns the time. */
async function revoke(other, title = laptop.title) {
  const button = other.row(title).getByRole('button', { name: 'Revoke' });
  await button.waitFor();
  const at = Date.now();
  await button.click();
  return at;
}

/** Opens a page, and waits until it is told of its session. */
async function follow(page, url) {
  await page.addInitScript(() => document.addEventListener('keyrack:open', () => { window.isFollowing = true; }));
  await page.goto(url);
  await page.waitForFunction(() => window.isFollowing);
}

/** Leaves all pages, and forgets the problems that are expected: requests to the application, and what Keyrack refuses. */
async function leave(device, ...patterns) {
  for (const page of device.context.pages()) await page.goto('about:blank');
  device.problems = device.problems.filter((problem) => !patterns.some((pattern) => problem.includes(pattern)));
}

const dialogOf = (page) => page.getByRole('dialog', { name: /^This device was signed out .* from another of your devices/ });

onEveryEngine('Pages of applications', (suite) => {
  for (const place of ['at another origin of the site', 'behind the same proxy']) {
    suite.testWithScripts(`${place} show at once that their session was revoked`, async ({ keyrack, open }) => {
      const isOther = place.startsWith('at');
      const application = isOther ? await startApplication(keyrack.url) : await startApplication('', { keyrackUrl: keyrack.url });
      try {
        await keyrack.restart(isOther ? { KEYRACK_APP_ORIGINS: application.url } : { KEYRACK_PUBLIC_URL: application.url });
        await keyrack.addUser();
        const base = isOther ? keyrack.url : application.url;
        const own = await open({ userAgent: laptop.userAgent, baseURL: base });
        const other = await open({ userAgent: phone.userAgent, baseURL: base });
        for (const device of [own, other]) await device.signIn(USER);
        const page = await own.context.newPage();
        await follow(page, `${application.url}/app`);
        const at = await revoke(other);
        await dialogOf(page).waitFor();
        assert.ok(Date.now() - at < 2000, `after ${Date.now() - at} ms`);
        assert.equal(await page.getByText('Your secret order').isVisible(), false);
        const link = page.getByRole('link', { name: 'Sign in again' });
        assert.equal(new URL(await link.evaluate(({ href }) => href)).origin, base);
        await page.keyboard.press('Escape');
        await dialogOf(page).waitFor();
        for (const device of [own, other]) await leave(device, `request to ${application.url}`);
      } finally {
        await application.stop();
      }
    });
  }

  suite.testWithScripts('may handle the end themselves, and name their own sign-in page', async ({ keyrack, open }) => {
    const application = await startApplication(keyrack.url, { attributes: 'data-sign-in="/enter"' });
    try {
      await keyrack.restart({ KEYRACK_APP_ORIGINS: application.url });
      await keyrack.addUser();
      const own = await open({ userAgent: laptop.userAgent });
      await own.signIn(USER);
      const [handling, other] = [await own.context.newPage(), await own.context.newPage()];
      for (const page of [handling, other]) await follow(page, `${application.url}/app`);
      await handling.evaluate(() => document.addEventListener('keyrack:session-ended', (event) => {
        event.preventDefault();
        document.title = event.detail.reason;
      }));
      await keyrack.command(['session', 'revoke', await keyrack.sessionId(laptop.userAgent)]);
      await handling.waitForFunction(() => document.title === 'revoked_by_admin');
      assert.equal(await handling.getByRole('dialog').count(), 0);
      await other.getByRole('dialog').waitFor();
      assert.equal(await other.getByRole('link').getAttribute('href'), '/enter');
      await leave(own, `request to ${application.url}`);
    } finally {
      await application.stop();
    }
  });

  suite.testWithScripts('for signed-in users load anew if there is no session', async ({ keyrack, open }) => {
    const application = await startApplication(keyrack.url, { attributes: 'data-signed-in' });
    try {
      await keyrack.restart({ KEYRACK_APP_ORIGINS: application.url });
      const device = await open();
      let [loads, questions] = [0, 0];
      device.page.on('domcontentloaded', () => { loads += 1; });
      const asked = new Promise((resolve) => {
        device.page.on('response', (response) => {
          if (response.url().endsWith('?once') && response.status() === 401) questions += 1;
          if (questions === 4) resolve(); // two of each load
        });
      });
      await device.page.goto(`${application.url}/app`);
      await asked;
      await device.page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(resolve); }));
      // Not again: the application may go on to take the user for signed in.
      assert.equal(loads, 2);
      await leave(device, `request to ${application.url}`, 'status of 401');
    } finally {
      await application.stop();
    }
  });

  suite.testWithScripts('at origins that are not named read nothing', async ({ keyrack, open }) => {
    const [named, evil] = [await startApplication(keyrack.url), await startApplication(keyrack.url)];
    try {
      await keyrack.restart({ KEYRACK_APP_ORIGINS: named.url });
      await keyrack.addUser();
      const device = await open({ userAgent: laptop.userAgent });
      await device.signIn(USER);
      const page = await device.context.newPage();
      const answers = [];
      page.on('response', (response) => answers.push(`${response.status()} ${new URL(response.url()).pathname}`));
      const read = (paths) => page.evaluate(async ([base, list]) => {
        const get = (path, mode) => fetch(base + path, { credentials: 'include', mode });
        const found = [];
        for (const path of list) {
          const readable = await get(path, 'cors').then((response) => response.text(), () => 'refused');
          const opaque = await get(path, 'no-cors').then((response) => response.type, () => 'refused');
          found.push([path, readable.slice(0, 7), opaque]);
        }
        return found;
      }, [keyrack.url, paths]);
      await page.goto(`${evil.url}/app`);
      const paths = ['/account/events?once', '/api/session', '/account/sessions'];
      // The browser withholds the whole answer, also where no script would read it.
      assert.deepEqual(await read(paths), paths.map((path) => [path, 'refused', 'refused']));
      assert.ok(!answers.some((answer) => answer.includes('/account/events')), answers.join(', '));
      await page.goto(`${named.url}/app`);
      assert.deepEqual(await read(paths), [[paths[0], 'retry: ', 'refused'], ...paths.slice(1).map((path) => [path, 'refused', 'refused'])]);
      await leave(device, `request to ${named.url}`, `request to ${evil.url}`, 'CORS policy', 'net::ERR_', 'status of 403');
    } finally {
      for (const application of [named, evil]) await application.stop();
    }
  });

  // It keeps its sessions in PostgreSQL. A run of CI fails without its packages.
  if (suite.engine.name !== 'PostgreSQL' || (!hasShop && !process.env.CI)) return;

  for (const place of ['on another port', 'behind the same proxy']) {
    suite.testWithScripts(`of the Express example, ${place}, show a revocation at once`, async ({ keyrack, open }) => {
      const secrets = 'a secret of the shop and of Keyrack';
      const isOther = place.startsWith('on');
      const shop = await startShop(keyrack.database.url, secrets, isOther ? keyrack.url : '');
      const proxy = isOther ? undefined : await startProxy(shop.url, keyrack.url);
      const url = proxy?.url ?? shop.url;
      try {
        const settings = { KEYRACK_COOKIE_NAME: 'connect.sid', KEYRACK_SECRETS: secrets };
        await keyrack.restart({ ...settings, ...(isOther ? { KEYRACK_APP_ORIGINS: url } : { KEYRACK_PUBLIC_URL: url }) });
        const own = await open({ userAgent: laptop.userAgent });
        const other = await open({ userAgent: phone.userAgent });
        for (const { page } of [own, other]) {
          await page.goto(`${url}/sign-in`);
          await page.getByLabel('Email').fill(USER.email);
          await page.getByLabel('Password').fill(USER.password);
          await page.getByRole('button', { name: 'Sign in' }).click();
          await page.getByText('In your cart').waitFor();
        }
        await follow(own.page, url);
        await other.page.getByRole('link', { name: 'Your devices' }).click();
        const at = await revoke(other);
        await dialogOf(own.page).waitFor();
        assert.ok(Date.now() - at < 2000, `after ${Date.now() - at} ms`);
        await own.page.getByRole('link', { name: 'Sign in again' }).click();
        await own.page.getByRole('heading', { name: 'Sign in to the shop' }).waitFor();
        for (const device of [own, other]) await leave(device, `request to ${url}`);
      } finally {
        await proxy?.stop();
        await shop.stop();
      }
    });
  }
});

test('The script of open pages has 4 kB at most, compressed', async () => {
  const script = await readFile(new URL('../static/keyrack.js', import.meta.url));
  assert.ok(gzipSync(script).length <= 4096);
});
