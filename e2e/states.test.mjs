import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';

import { launch } from './support/browser.mjs';
import { Keyrack } from './support/keyrack.mjs';
import { findLayoutProblems } from './support/layout.mjs';
import { LANGUAGES, forEachState, openDetails, openState } from './support/states.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = [320, 768, 1280];
const TIMEOUT = { timeout: 300_000 };

/** Runs axe, which must have been loaded, and returns what is wrong. */
async function findViolations(page) {
  const { violations } = await page.evaluate(() => globalThis.axe.run({
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html, failureSummary]));
}

describe('Every state of every page', () => {
  let browser, keyrack;
  before(async () => {
    browser = await launch();
    keyrack = await Keyrack.demo({}, ['--states']);
  });
  after(async () => {
    await browser.close();
    await keyrack.stop();
  });

  /** Calls `look` for each state. Returns what it found, by the name of the state. */
  const findAll = async (look, options = {}) => {
    const context = await browser.newContext({ baseURL: keyrack.url, reducedMotion: 'reduce', ...options });
    const found = [];
    const names = await forEachState(context, async (page, name) => {
      for (const problem of await look(page, name)) found.push([name, ...problem]);
    });
    await context.close();
    assert.ok(names.length > 100, `${names.length} states`);
    return found;
  };

  // Pseudo-languages have long words, so names are long with them, too.
  for (const language of LANGUAGES) {
    test(`is laid out well at three widths: ${language}`, TIMEOUT, async () => {
      assert.deepEqual(await findAll(async (page, name) => {
        await openState(page, name, { language, long: language.includes('X') });
        await openDetails(page);
        const found = [];
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 800 });
          found.push(...(await page.evaluate(findLayoutProblems)).map((problem) => [width, problem]));
        }
        return found;
      }), []);
    });
  }

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1280]) {
      test(`has no axe violations: ${colorScheme}, ${width} pixels`, TIMEOUT, async () => {
        assert.deepEqual(await findAll(async (page, name) => {
          await openState(page, name);
          await openDetails(page);
          await page.evaluate(AXE);
          return findViolations(page);
        }, { colorScheme, viewport: { width, height: 800 } }), []);
      });
    }
  }
});
