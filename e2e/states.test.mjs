import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { LOOKS, findViolations } from './support/accessibility.mjs';
import { launch } from './support/browser.mjs';
import { Keyrack } from './support/keyrack.mjs';
import { findLayoutProblems } from './support/layout.mjs';
import { LANGUAGES, forEachState, openDetails, openState } from './support/states.mjs';

const WIDTHS = [320, 768, 1280];
const TIMEOUT = { timeout: 300_000 };

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

  /** Looks at the layout of each state at three widths. */
  const findLayoutProblemsOfAll = (state, options) => findAll(async (page, name) => {
    await openState(page, name, state);
    await openDetails(page);
    const found = [];
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      found.push(...(await page.evaluate(findLayoutProblems)).map((problem) => [width, problem]));
    }
    return found;
  }, options);

  // Pseudo-languages have long words, so names are long with them, too.
  for (const language of LANGUAGES) {
    test(`is laid out well at three widths: ${language}`, TIMEOUT, async () => {
      assert.deepEqual(await findLayoutProblemsOfAll({ language, long: language.includes('X') }), []);
    });
  }

  test('is laid out well without JavaScript', TIMEOUT, async () => {
    assert.deepEqual(await findLayoutProblemsOfAll({}, { javaScriptEnabled: false }), []);
  });

  test('has no axe violations, light and dark, at 320 and 1280 pixels', TIMEOUT, async () => {
    assert.deepEqual(await findAll(async (page, name) => {
      await openState(page, name);
      await openDetails(page);
      const found = [];
      for (const look of LOOKS) {
        const { colorScheme, width } = look;
        found.push(...(await findViolations(page, look)).map((violation) => [colorScheme, width, ...violation]));
      }
      return found;
    }), []);
  });
});
