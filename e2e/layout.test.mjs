import assert from 'node:assert/strict';

import { onEveryEngine } from './support/suite.mjs';
import { LONG_USER, allPages } from './support/tour.mjs';

const WIDTH = 320;

/** The elements that reach beyond the width of the page, with its whole width before them. */
function findTooWide() {
  const right = (element) => Math.round(element.getBoundingClientRect().right);
  const hidden = (element) => element.closest('.visually-hidden, .skip-link');
  const all = [document.documentElement, ...document.body.querySelectorAll('*')];
  const wide = all.filter((element) => !hidden(element) && (right(element) > innerWidth || element.scrollLeft));
  const names = wide.map((element) => `${element.outerHTML.slice(0, 80)} → ${right(element)}`);
  return [document.documentElement.scrollWidth, ...names];
}

/** The width of the page, and the leftmost edge of an element, if the page is read from right to left. */
function measureRightToLeft() {
  const { dir } = document.documentElement;
  document.documentElement.dir = 'rtl';
  const shown = [...document.body.querySelectorAll('main *, header *')]
    .filter((element) => !element.closest('.visually-hidden, .skip-link, svg') && element.checkVisibility());
  const left = Math.min(...shown.map((element) => element.getBoundingClientRect().left));
  const width = document.documentElement.scrollWidth;
  document.documentElement.dir = dir;
  return [width, left];
}

onEveryEngine('Every page', (suite) => {
  suite.test('fits into 320 pixels, also from right to left', async ({ keyrack, open }) => {
    const { page } = await open({ viewport: { width: WIDTH, height: 640 } });
    for await (const name of allPages(page, keyrack, LONG_USER)) {
      assert.deepEqual(await page.evaluate(findTooWide), [WIDTH], name);
      const [width, left] = await page.evaluate(measureRightToLeft);
      assert.equal(width, WIDTH, name);
      assert.ok(left >= 0, `${name}: ${left}`);
    }
  });

  for (const [language, what] of [['en-XA', 'with long words'], ['ar-XB', 'in a language from right to left']]) {
    suite.testWithScripts(`fits into 320 pixels ${what}`, async ({ keyrack, open }) => {
      await keyrack.restart({ KEYRACK_LANGUAGES: language });
      const { page } = await open({ viewport: { width: WIDTH, height: 640 } });
      for await (const name of allPages(page, keyrack, LONG_USER)) {
        assert.equal(await page.getAttribute('html', 'lang'), language, name);
        assert.deepEqual(await page.evaluate(findTooWide), [WIDTH], name);
      }
    });
  }
});
