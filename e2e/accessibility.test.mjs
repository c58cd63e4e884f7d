import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { onEveryEngine } from './support/suite.mjs';
import { allPages } from './support/tour.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A user whose name and address are longer than a line. */
const LONG_USER = {
  email: `${'rajat.'.repeat(9)}verma@${'department-of-long-names.'.repeat(5)}example.com`,
  password: 'four birds under one roof',
  name: `${'Wolfeschlegelsteinhausen'.repeat(2)} ${'W'.repeat(64)}`,
};

onEveryEngine('Every page', (suite) => {
  suite.test('fits into 320 pixels', async ({ keyrack, open }) => {
    const { page } = await open({ viewport: { width: 320, height: 640 } });
    for await (const name of allPages(page, keyrack, LONG_USER)) {
      const tooWide = await page.evaluate(() => {
        const right = (element) => Math.round(element.getBoundingClientRect().right);
        const hidden = (element) => element.closest('.visually-hidden, .skip-link');
        const all = [document.documentElement, ...document.body.querySelectorAll('*')];
        const wide = all.filter((element) => !hidden(element) && (right(element) > innerWidth || element.scrollLeft));
        const names = wide.map((element) => `${element.outerHTML.slice(0, 80)} → ${right(element)}`);
        return [document.documentElement.scrollWidth, ...names];
      });
      assert.deepEqual(tooWide, [320], name);
    }
  });

  suite.testWithScripts('fits from right to left', async ({ keyrack, open }) => {
    const { page } = await open({ viewport: { width: 320, height: 640 } });
    for await (const name of allPages(page, keyrack, LONG_USER)) {
      const [width, left] = await page.evaluate(() => {
        document.documentElement.dir = 'rtl';
        const shown = [...document.body.querySelectorAll('main *, header *')]
          .filter((element) => !element.closest('.visually-hidden, .skip-link, svg') && element.checkVisibility());
        return [document.documentElement.scrollWidth, Math.min(...shown.map((e) => e.getBoundingClientRect().left))];
      });
      assert.equal(width, 320, name);
      assert.ok(left >= 0, `${name}: ${left}`);
    }
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1280]) {
      suite.testWithScripts(`has no axe violations, ${colorScheme}, ${width} pixels`, async ({ keyrack, open }) => {
        const { page } = await open({ colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' });
        for await (const name of allPages(page, keyrack, LONG_USER)) {
          await page.evaluate(AXE);
          const { violations } = await page.evaluate(() => globalThis.axe.run({
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
          }));
          const found = violations.flatMap(({ id, nodes }) => (
            nodes.map(({ html, failureSummary }) => [id, html, failureSummary])
          ));
          assert.deepEqual(found, [], name);
        }
      });
    }
  }
});
