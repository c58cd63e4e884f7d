import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone } = DEVICES;

/** Holds every POST. Returns those that are held, and a wait until there are so many. */
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

/** A click that waits for nothing that comes of it, as a hand does. */
async function clicker(page, button) {
  const { x, y, width, height } = await button.boundingBox();
  return () => page.mouse.click(x + width / 2, y + height / 2);
}

onEveryEngine('Scripts', (stage) => {
  stage.test('a form that is sent twice does its work once', async ({ keyrack, open, scripts }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open();
    const { page } = device;
    await device.signIn(USER);
    const posts = await holdPosts(page);
    const revoke = device.row(phone.title).getByRole('button', { name: 'Revoke' });
    const click = await clicker(page, revoke);
    await click();
    await posts.arrived(1);
    await click();
    // A browser without scripts sends it again: only once that is on its way may the first be answered, or the
    // answer's page could take the place of the form before.
    if (!scripts) await posts.arrived(2);
    await page.unroute(/./);
    // The browser itself drops the first of two.
    for (const post of posts.held) await post.continue().catch(() => {});
    await page.getByRole('status').getByText(`Signed out ${phone.title}.`).waitFor();
    const sent = device.requests.filter((request) => request.endsWith('/revoke'));
    assert.equal(sent.length, scripts ? 1 : 2);
  });

  stage.scripted('a form whose request came to nothing can be sent again', async ({ keyrack, open }) => {
    await keyrack.addUser();
    await keyrack.signIn(phone.userAgent);
    const device = await open();
    const { page } = device;
    await page.clock.install();
    await device.signIn(USER);
    const posts = await holdPosts(page);
    const revoke = device.row(phone.title).getByRole('button', { name: 'Revoke' });
    const click = await clicker(page, revoke);
    await click();
    await posts.arrived(1);
    await posts.held[0].abort('aborted');
    assert.equal(await revoke.getAttribute('aria-disabled'), 'true');
    await page.clock.fastForward(15_000);
    assert.equal(await revoke.getAttribute('aria-disabled'), null);
    await page.unroute(/./);
    await device.following(() => revoke.click());
    await page.getByRole('status').getByText(`Signed out ${phone.title}.`).waitFor();
  });

  stage.test('times are told in the reader’s own zone, or else in UTC', async ({ keyrack, open, scripts }) => {
    await keyrack.addUser();
    const device = await open({ timezoneId: 'Asia/Kolkata', locale: 'en-GB' });
    await device.signIn(USER);
    const title = await device.page.locator('.device-current time').first().getAttribute('title');
    assert.match(title, scripts ? /\d{4} at \d{1,2}:\d\d (GMT\+5:30|IST)$/ : /^\d{1,2} \w+ \d{4}, \d\d:\d\d UTC$/);
  });
});
