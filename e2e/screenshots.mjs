// Takes a picture of every page, at two widths, light and dark: npm run screenshots [FOLDER]

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { launch } from './support/browser.mjs';
import { sqlite } from './support/engines.mjs';
import { Keyrack, USER } from './support/keyrack.mjs';
import { accountPages, brokenPages, setupPages } from './support/tour.mjs';

const folder = process.argv[2] ?? 'screenshots';
const SIZES = [{ width: 360, height: 740 }, { width: 1280, height: 720 }];
const SCHEMES = ['light', 'dark'];

/** The device that takes the pictures, rather than "Headless Chrome". */
const CAMERA = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15';
/** One more than the demonstration has, which makes six. */
const SIXTH = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0';

/** Goes through pages on a device of its own, and takes a picture of each. */
async function picture(browser, keyrack, look, pages) {
  const context = await browser.newContext({
    baseURL: keyrack.url, userAgent: CAMERA, reducedMotion: 'reduce', ...look,
  });
  const page = await context.newPage();
  for await (const name of pages(page)) {
    const file = `${name}-${look.viewport.width}-${look.colorScheme}.png`;
    await page.screenshot({ path: join(folder, file), fullPage: true });
  }
  await context.close();
}

/** A rack of its own for every look: devices are taken off it. */
async function pictureDemo(browser, look) {
  const keyrack = await Keyrack.demo();
  try {
    await keyrack.signIn(SIXTH, keyrack.demo);
    await picture(browser, keyrack, look, (page) => accountPages(page, keyrack.demo));
  } finally {
    await keyrack.stop();
  }
}

async function pictureTheRest(browser, look) {
  const keyrack = await Keyrack.start(sqlite);
  try {
    const link = await keyrack.setupLink();
    await picture(browser, keyrack, look, (page) => setupPages(page, link));
    await keyrack.addUser();
    await picture(browser, keyrack, look, (page) => brokenPages(page, keyrack, USER));
  } finally {
    await keyrack.stop();
  }
}

await mkdir(folder, { recursive: true });
const browser = await launch();
try {
  for (const viewport of SIZES) {
    for (const colorScheme of SCHEMES) {
      await pictureDemo(browser, { viewport, colorScheme });
      await pictureTheRest(browser, { viewport, colorScheme });
    }
  }
} finally {
  await browser.close();
}
