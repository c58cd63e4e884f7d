import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone, desk } = DEVICES;

/** More than any page has elements that take the focus. */
const MAX_STOPS = 40;

/** The focused element: its label, its tag, and whether it is on the screen with a visible outline. */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const outlined = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && !/, 0\)$/.test(outlineColor);
    const onScreen = box.width > 1 && box.height > 1 && box.top >= 0 && box.bottom <= innerHeight
      && getComputedStyle(element).clipPath === 'none';
    const label = element.labels?.[0] ?? element;
    const name = label.textContent.trim().replace(/\s+/g, ' ');
    return { name, tag: element.localName, visible: outlined && onScreen };
  });
}

/** Presses Tab until an element with this label has the focus. Every focused element on the way must be visible. */
async function tabTo(page, label) {
  const passed = [];
  for (let stop = 0; stop < MAX_STOPS; stop += 1) {
    await page.keyboard.press('Tab');
    const { name, tag, visible } = await focused(page);
    passed.push(name);
    if (tag !== 'body') assert.ok(visible, `the focus on ${name} can't be seen`);
    if (name.startsWith(label)) return passed;
  }
  assert.fail(`Tab never reached ${label}: ${passed.join(', ')}`);
}

onEveryEngine('Keyboard', (suite) => {
  suite.test('keyboard is enough to sign in, revoke devices, and sign out', async ({ keyrack, open }) => {
    await keyrack.addUser();
    for (const { userAgent } of [desk, desk, phone]) await keyrack.signIn(userAgent);
    const device = await open();
    const { page } = device;
    const { keyboard } = page;

    await page.goto('/login');
    await page.locator('#email:focus').waitFor();
    assert.deepEqual(await focused(page), { name: 'Email', tag: 'input', visible: true });
    await keyboard.type(USER.email);
    await tabTo(page, 'Password');
    await keyboard.type(USER.password);
    await tabTo(page, 'Keep me signed in');
    await keyboard.press('Space');
    assert.ok(await page.getByLabel('Keep me signed in').isChecked());
    await tabTo(page, 'Sign in');
    await device.navigate(() => keyboard.press('Enter'));
    assert.equal(device.path(), '/account/sessions');

    await tabTo(page, 'Skip to content');
    await keyboard.press('Enter');
    const passed = await tabTo(page, `Revoke ${phone.title}`);
    assert.ok(!passed.includes('Keyrack'), `the header was not skipped: ${passed.join(', ')}`);
    await device.navigate(() => keyboard.press('Enter'));
    assert.equal(await page.getByRole('status').innerText(), `Signed out ${phone.title}.`);

    await tabTo(page, 'Sign out all other devices');
    await keyboard.press('Enter');
    await tabTo(page, 'Yes, sign them all out');
    await device.navigate(() => keyboard.press('Enter'));
    assert.equal(await page.getByRole('status').innerText(), 'Signed out 2 other devices.');

    await tabTo(page, 'Details of');
    await keyboard.press('Enter');
    await page.getByText('User agent').waitFor();
    await tabTo(page, 'Sign out this device');
    await device.navigate(() => keyboard.press('Enter'));
    assert.equal(device.path(), '/login');
  });

  suite.test('Enter in a field submits the form', async ({ keyrack, open }) => {
    await keyrack.addUser();
    const device = await open();
    const { page } = device;
    await page.goto('/login');
    await page.locator('#email:focus').waitFor();
    await page.keyboard.type(USER.email);
    await page.keyboard.press('Tab');
    await page.keyboard.type(USER.password);
    await device.navigate(() => page.keyboard.press('Enter'));
    assert.equal(device.path(), '/account/sessions');
  });
});
