import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { onEveryEngine } from './support/suite.mjs';
import { LONG_USER, allPages } from './support/tour.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Every combination is looked at on each page: the way through the pages takes longer than axe. */
const LOOKS = ['light', 'dark'].flatMap((colorScheme) => [320, 1280].map((width) => ({ colorScheme, width })));

/** Runs axe, which must have been loaded, and returns what is wrong. */
async function findViolations(page) {
  const { violations } = await page.evaluate(() => globalThis.axe.run({
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html, failureSummary]));
}

onEveryEngine('Every page', (suite) => {
  suite.testWithScripts('has no axe violations, light and dark, at 320 and 1280 pixels', async ({ keyrack, open }) => {
    const { page } = await open({ reducedMotion: 'reduce' });
    for await (const name of allPages(page, keyrack, LONG_USER)) {
      await page.evaluate(AXE);
      for (const { colorScheme, width } of LOOKS) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.setViewportSize({ width, height: 800 });
        assert.deepEqual(await findViolations(page), [], `${name}, ${colorScheme}, ${width} pixels`);
      }
    }
  });
});
