// Measures the time from the press of "Revoke" to the other browser's screen: `node latency.mjs [ROUNDS]`.
//
// The press is the request that the button sends. On the screen is what has been painted: the frame with the heading.
// Both times are of this machine's clock. For figures, build with --release and set KEYRACK_BIN to the program.

import { setTimeout as sleep } from 'node:timers/promises';

import { launch, DEVICES } from './support/browser.mjs';
import { ENGINES } from './support/engines.mjs';
import { Keyrack } from './support/keyrack.mjs';

const rounds = Number(process.argv[2] ?? 200);
const REST_MS = 300;
const now = () => performance.timeOrigin + performance.now();

/** Signs in over HTTP. Returns the cookies, and the token of a form. */
async function signIn(keyrack) {
  const cookie = await keyrack.signIn(DEVICES.phone.userAgent);
  const page = await (await fetch(`${keyrack.url}/account/sessions`, { headers: { cookie } })).text();
  return { cookie, token: /name="csrf_token" value="([^"]+)"/.exec(page)[1] };
}

/** Puts the cookies of a new session into a browser, and opens its page. Returns the session's id. */
async function openPage(keyrack, context, page) {
  const cookies = (await keyrack.signIn(DEVICES.laptop.userAgent)).split('; ').map((pair) => {
    const [name, ...value] = pair.split('=');
    return { name, value: value.join('='), url: keyrack.url };
  });
  await context.clearCookies();
  await context.addCookies(cookies);
  const streaming = page.waitForResponse((response) => response.url().endsWith('/account/events'));
  await page.goto(`${keyrack.url}/account/sessions`);
  await streaming;
  return page.evaluate(() => {
    // A message that is posted while a frame is prepared arrives after that frame has been painted.
    const { port1, port2 } = new MessageChannel();
    globalThis.painted = new Promise((resolve) => {
      port1.onmessage = () => resolve(performance.timeOrigin + performance.now());
      document.addEventListener('keyrack:session-ended', () => requestAnimationFrame(() => port2.postMessage(null)));
    });
    return document.body.dataset.session;
  });
}

async function measure(browser, acting, watched) {
  const context = await browser.newContext({ userAgent: DEVICES.laptop.userAgent });
  const page = await context.newPage();
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const id = await openPage(watched, context, page);
    const { cookie, token } = await signIn(acting);
    const body = new URLSearchParams({ csrf_token: token });
    // What the browser does after it has loaded a page is no part of the time: people press later.
    await sleep(REST_MS);
    const pressed = now();
    const sent = fetch(`${acting.url}/account/sessions/${id}/revoke`, { method: 'POST', redirect: 'manual', headers: { cookie }, body });
    const painted = await page.evaluate(() => globalThis.painted);
    if ((await sent).status !== 303) throw new Error(`the revocation was answered with ${(await sent).status}`);
    times.push(painted - pressed);
  }
  await context.close();
  times.sort((one, other) => one - other);
  return [0.5, 0.99, 1].map((share) => times[Math.min(rounds - 1, Math.floor(rounds * share))].toFixed(0));
}

const browser = await launch();
try {
  console.log('| from the press to the screen, ms | p50 | p99 | max |\n|---|---:|---:|---:|');
  for (const engine of ENGINES) {
    const first = await Keyrack.start(engine, { KEYRACK_MAX_SESSIONS: '0' });
    const second = await first.another();
    try {
      await first.addUser();
      console.log(`| ${engine.name}, same instance | ${(await measure(browser, first, first)).join(' | ')} |`);
      console.log(`| ${engine.name}, another instance | ${(await measure(browser, first, second)).join(' | ')} |`);
    } finally {
      await second.stopInstance();
      await first.stop();
    }
  }
} finally {
  await browser.close();
}
