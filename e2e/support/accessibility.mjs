// Runs axe, the checker of accessibility, on a page in several looks.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const ALL_RULES = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };

/** The rules whose result depends on colours or on the width. All others read the document, which is the same in each look. */
const RULES_OF_LOOKS = { runOnly: ['color-contrast', 'link-in-text-block', 'target-size', 'scrollable-region-focusable'] };

/** Light and dark, narrow and wide. All rules run in the first look only. */
export const LOOKS = ['light', 'dark'].flatMap((colorScheme) => [320, 1280].map((width) => ({ colorScheme, width })));

/** Changes the look of a page, and returns what is wrong in it. */
export async function findViolations(page, look) {
  const { colorScheme, width } = look;
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await page.setViewportSize({ width, height: 800 });
  if (look === LOOKS[0]) await page.evaluate(AXE);
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(rules), look === LOOKS[0] ? ALL_RULES : RULES_OF_LOOKS);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html, failureSummary]));
}
