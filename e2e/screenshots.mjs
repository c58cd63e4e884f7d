// Takes a screenshot of every page: npm run screenshots [FOLDER [LANGUAGES]]
// In English, at two widths, light and dark; with LANGUAGES, such as de,en-XA,ar-XB, in these, at three widths, light.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { launch } from './support/browser.mjs';
import { sqlite } from './support/engines.mjs';
import { Keyrack, USER } from './support/keyrack.mjs';
import { accountPages, setupPages, specialPages } from './support/tour.mjs';

const folder = process.argv[2] ?? 'screenshots';
const languages = process.argv[3]?.split(',') ?? [];
const PHONE = { width: 360, height: 740 };
const TABLET = { width: 768, height: 1024 };
const DESKTOP = { width: 1280, height: 720 };

/** Offers the pseudo-languages too, if they are captured. */
const SETTINGS = languages.length > 0 ? { KEYRACK_LANGUAGES: ['en', ...languages.filter((tag) => tag !== 'en')].join() } : {};

/** What each page is captured in. */
const APPEARANCES = [
  ...[PHONE, DESKTOP].flatMap((viewport) => ['light', 'dark'].map((colorScheme) => ({ viewport, colorScheme, locale: 'en' }))),
  ...languages.flatMap((locale) => [PHONE, TABLET, DESKTOP].map((viewport) => ({ viewport, colorScheme: 'light', locale }))),
].filter(({ locale }) => languages.length === 0 || languages.includes(locale));

/** The current device in the screenshots, instead of "Headless Chrome". */
const USER_AGENT = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15';
/** A sixth device, in addition to those of the demo and the current one. */
const EXTRA_USER_AGENT = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0';

/** Takes a screenshot of each page, in a new browser context. */
async function capture(browser, keyrack, appearance, pages) {
  const context = await browser.newContext({
    baseURL: keyrack.url, userAgent: USER_AGENT, reducedMotion: 'reduce', ...appearance,
  });
  const page = await context.newPage();
  for await (const name of pages(page)) {
    const language = appearance.locale === 'en' ? '' : `-${appearance.locale}`;
    const file = `${name}-${appearance.viewport.width}-${appearance.colorScheme}${language}.png`;
    await page.screenshot({ path: join(folder, file), fullPage: true });
  }
  await context.close();
}

/** Captures the demo. Each appearance gets a new demo, since devices are revoked in it. */
async function captureDemo(browser, appearance) {
  const keyrack = await Keyrack.demo(SETTINGS);
  try {
    await keyrack.signIn(EXTRA_USER_AGENT, keyrack.demo);
    await capture(browser, keyrack, appearance, (page) => accountPages(page, keyrack.demo));
  } finally {
    await keyrack.stop();
  }
}

/** Captures the setup page, and those that need another server or database than the demo's. */
async function captureSpecialPages(browser, appearance) {
  const keyrack = await Keyrack.start(sqlite, SETTINGS);
  try {
    const link = await keyrack.setupLink();
    await capture(browser, keyrack, appearance, (page) => setupPages(page, link));
    await keyrack.addUser();
    await capture(browser, keyrack, appearance, (page) => specialPages(page, keyrack, USER));
  } finally {
    await keyrack.stop();
  }
}

await mkdir(folder, { recursive: true });
const browser = await launch();
try {
  for (const appearance of APPEARANCES) {
    await captureDemo(browser, appearance);
    await captureSpecialPages(browser, appearance);
  }
} finally {
  await browser.close();
}
