import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Keyrack } from './support/keyrack.mjs';
import { stateNames } from './support/states.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { LONG_USER, allPages } from './support/tour.mjs';

/** Where the elements of a page are, by tags, classes and roles: "main.wrap.narrow > form.form > button.button". */
function findPlaces(html) {
  const root = html === undefined ? document : new DOMParser().parseFromString(html, 'text/html');
  const describe = (element) => [
    element.localName,
    ...[...element.classList].sort().map((name) => `.${name}`),
    ...['role', 'type'].filter((name) => element.hasAttribute(name)).map((name) => `[${name}=${element.getAttribute(name)}]`),
  ].join('');
  const placeOf = (element) => {
    const place = [];
    for (let at = element; at && at.localName !== 'body'; at = at.parentElement) place.unshift(describe(at));
    return place.join(' > ');
  };
  return [...new Set([...root.body.querySelectorAll(':not(svg *)')].map(placeOf))];
}

/** The places of all states together. */
async function placesOfStates(browser, keyrack) {
  const context = await browser.newContext({ baseURL: keyrack.url });
  const page = await context.newPage();
  const names = await stateNames(page);
  await page.goto('about:blank');
  const places = new Set();
  for (const name of names) {
    const answer = await context.request.get(`/states/${name}?language=en`);
    for (const place of await page.evaluate(findPlaces, await answer.text())) places.add(place);
  }
  await context.close();
  return places;
}

// The layout and the accessibility of the states are tested, so there must be nothing on a real page that no state has.
onEveryEngine('Every page', (suite) => {
  let demo;
  before(async () => {
    demo = await Keyrack.demo({}, ['--states']);
  });
  after(() => demo.stop());

  suite.testWithScripts('has only what a state has', async ({ keyrack, open }) => {
    const known = await placesOfStates(suite.browser, demo);
    const { page } = await open();
    const unknown = [];
    for await (const name of allPages(page, keyrack, LONG_USER)) {
      const places = await page.evaluate(findPlaces);
      assert.ok(places.length > 5, `${name}: ${places}`);
      unknown.push(...places.filter((place) => !known.has(place)).map((place) => `${name}: ${place}`));
    }
    assert.deepEqual(unknown, []);
  });
});
