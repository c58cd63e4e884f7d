import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone } = DEVICES;

/** Holds back every POST. Returns those that are held, and a function that waits until there are `count` of them. */
async function holdPosts(page) {
  const held = [];
  const arrivals = new EventEmitter();
  await page.route(/./, async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    held.push(route);
    return arrivals.emit('post');
  });
  const arrived = async (count) => {
    while (held.length < count) await once(arrivals, 'post');
  };
  return { held, arrived };
}

/** Returns a function that clicks and, unlike Playwright's `click()`, does not wait for a navigation. */
async function mouseClick(page, button) {
  const { x, y, width, height } = await button.boundingBox();
  return () => page.mouse.click(x + width / 2, y + height / 2);
}

onEveryEngine('Scripts', (suite) => {
  suite.test('form submitted twice takes effect once', async ({ keyrack, open, scripts }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    const posts = await holdPosts(page);
    const revoke = device.row(phone.title).getByRole('button', { name: 'Revoke' });
    const click = await mouseClick(page, revoke);
    await click();
    await posts.arrived(1);
    await click();
    // Without scripts the browser sends the form again. The first request must not be answered before that, or its page
    // could replace the form before the second click.
    if (!scripts) await posts.arrived(2);
    await page.unroute(/./);
    // The browser cancels the first of two requests.
    for (const post of posts.held) await post.continue().catch(() => {});
    await page.getByRole('status').getByText(`Signed out ${phone.title}.`).waitFor();
    const sent = device.requests.filter((request) => request.endsWith('/revoke'));
    assert.equal(sent.length, scripts ? 1 : 2);
  });

  suite.testWithScripts('form can be submitted again after its request failed', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open();
    const { page } = device;
    await page.clock.install();
    await device.signIn(USER);
    const posts = await holdPosts(page);
    const revoke = device.row(phone.title).getByRole('button', { name: 'Revoke' });
    const click = await mouseClick(page, revoke);
    await click();
    await posts.arrived(1);
    await posts.held[0].abort('aborted');
    assert.equal(await revoke.getAttribute('aria-disabled'), 'true');
    await page.clock.fastForward(15_000);
    assert.equal(await revoke.getAttribute('aria-disabled'), null);
    await page.unroute(/./);
    await device.navigate(() => revoke.click());
    await page.getByRole('status').getByText(`Signed out ${phone.title}.`).waitFor();
  });

  suite.test('times are shown in the browser’s zone, without scripts in UTC', async ({ keyrack, open, scripts }) => {
    await keyrack.addUser();
    // An empty history has no times, and no note about them.
    await keyrack.signIn(phone.userAgent);
    await keyrack.command(['session', 'revoke-all', '--user', USER.email]);
    const device = await open({ timezoneId: 'Asia/Kolkata', locale: 'en-GB' });
    await device.signIn(USER);
    const title = await device.page.locator('.device-current time').first().getAttribute('title');
    await device.page.locator('.device-current summary').click();
    const exact = device.page.locator('.device-current dd time').first();
    assert.equal(await exact.innerText(), await exact.getAttribute('title'), 'the text is on the same clock');
    await device.page.locator('.device-current').getByRole('link', { name: /^Everything about/ }).click();
    const fact = device.page.locator('.facts time').first();
    assert.equal(await fact.innerText(), title, 'the page of the session is on the same clock');
    const zones = /^Times are in your time zone, Asia\/(Kolkata|Calcutta)\.$/;
    for (const path of ['', '?show=ended', '/../activity']) {
      await device.page.goto(new URL(`/account/sessions${path}`, keyrack.url).href);
      const note = await device.page.locator('.notes').innerText();
      assert.match(note, scripts ? zones : /^Times are in UTC\.$/, 'the page says whose clock it shows');
    }
    assert.match(title, scripts ? /\d{4} at \d{1,2}:\d\d (GMT\+5:30|IST)$/ : /^\d{1,2} \w+ \d{4}, \d\d:\d\d UTC$/);
  });
});
