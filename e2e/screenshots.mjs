// Takes a picture of every state of every page: npm run screenshots [FOLDER [LANGUAGES [STATES]]]
// By default in English and German, at three widths, light and dark. LANGUAGES may also contain en-XA and ar-XB; STATES is
// the start of the names of some states. Puts each set of pictures together on sheets as well.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { launch } from './support/browser.mjs';
import { Keyrack } from './support/keyrack.mjs';
import { forEachState, openState } from './support/states.mjs';

const [folder = 'screenshots', languages = 'en,de', start = ''] = process.argv.slice(2);
const VIEWPORTS = [{ width: 360, height: 740 }, { width: 768, height: 1024 }, { width: 1280, height: 800 }];
/** The highest part of a page that is worth a look: lists go on in the same way. */
const MAX_HEIGHT = 2000;

const APPEARANCES = languages.split(',').flatMap((language) => ['light', 'dark'].flatMap((colorScheme) => (
  VIEWPORTS.map((viewport) => ({ language, colorScheme, viewport }))
)));

/** Takes a picture of each state. */
async function capture(browser, keyrack, { language, colorScheme, viewport }) {
  const name = `${language}-${colorScheme}-${viewport.width}`;
  await mkdir(join(folder, name), { recursive: true });
  const context = await browser.newContext({ baseURL: keyrack.url, reducedMotion: 'reduce', viewport, colorScheme, locale: language });
  const names = await forEachState(context, async (page, state) => {
    if (!state.startsWith(start)) return;
    await openState(page, state, { language });
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    const clip = { x: 0, y: 0, width: viewport.width, height: Math.min(Math.max(height, viewport.height), MAX_HEIGHT) };
    await page.screenshot({ path: join(folder, name, `${state}.png`), fullPage: true, clip });
  });
  await context.close();
  return { name, states: names.filter((state) => state.startsWith(start)), width: viewport.width };
}

/** A page with all pictures of a set, small. */
async function writeSheet({ name, states, width }) {
  const figures = states.map((state) => `<figure><img src="${name}/${state}.png" loading="lazy"><figcaption>${state}</figcaption></figure>`);
  const style = `body { display: flex; flex-wrap: wrap; gap: 12px; align-items: start; font: 12px sans-serif }
    figure { margin: 0; width: ${width / 2}px } img { width: 100%; border: 1px solid #999 }`;
  await writeFile(join(folder, `${name}.html`), `<!DOCTYPE html><title>${name}</title><style>${style}</style>${figures.join('\n')}\n`);
}

const browser = await launch();
const keyrack = await Keyrack.demo({}, ['--states']);
try {
  for (const appearance of APPEARANCES) await writeSheet(await capture(browser, keyrack, appearance));
} finally {
  await browser.close();
  await keyrack.stop();
}
