import assert from 'node:assert/strict';

import { DEVICES } from './support/browser.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';

const { phone, laptop, desk } = DEVICES;
const NEW_PASSWORD = 'five herons by the weir';

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

/** Presses a key until an element with this label has the focus. Every focused element on the way must be visible. */
async function tabTo(page, label, key = 'Tab') {
  const passed = [];
  for (let stop = 0; stop < MAX_STOPS; stop += 1) {
    await page.keyboard.press(key);
    const { name, tag, visible } = await focused(page);
    passed.push(name);
    if (tag !== 'body') assert.ok(visible, `the focus on ${name} can't be seen`);
    if (name.startsWith(label)) return passed;
  }
  assert.fail(`${key} never reached ${label}: ${passed.join(', ')}`);
}

/** The message about what was done. The script gives it the focus, so that it is read, and Tab goes on from there. */
async function assertMessage({ page }, text, scripts, role = 'status') {
  const message = page.locator('main').getByRole(role);
  assert.equal(await message.innerText(), text);
  if (scripts) assert.ok(await message.evaluate((element) => element === document.activeElement), 'the message has the focus');
}

/** Fills in the focused fields one after the other, and sends the form. */
async function typeInto(device, fields) {
  const { page } = device;
  for (const [label, text] of fields) {
    if ((await focused(page)).name !== label) await tabTo(page, label);
    await page.keyboard.type(text);
  }
  await device.navigate(() => page.keyboard.press('Enter'));
}

/** Follows the focused link, or sends the form of the focused button. */
const press = (device, key = 'Enter') => device.navigate(() => device.page.keyboard.press(key));

/** The key that leads from the focused element to one with this label: which of two comes first in a list depends on time. */
async function keyOf(page, label) {
  const isBefore = await page.evaluate((text) => {
    const all = [...document.querySelectorAll('input, summary, button, a')];
    const target = all.find((element) => (element.labels?.[0] ?? element).textContent.trim().replace(/\s+/g, ' ').startsWith(text));
    return Boolean(document.activeElement.compareDocumentPosition(target) & Node.DOCUMENT_POSITION_PRECEDING);
  }, label);
  return isBefore ? 'Shift+Tab' : 'Tab';
}

/** Opens the page of another device's session, from its details in the list. */
async function openPageOf(device, { title }) {
  const { page } = device;
  await tabTo(page, `Details of ${title}`);
  await page.keyboard.press('Enter');
  await tabTo(page, 'Everything about this session');
  await press(device);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
}

/** Signs in on a device of its own, beside a phone and a computer. */
async function openBesideOthers(keyrack, open) {
  await keyrack.addUser();
  for (const { userAgent } of [phone, desk]) await keyrack.signIn(userAgent);
  const device = await open({ userAgent: laptop.userAgent });
  await device.signIn(USER);
  return device;
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

  suite.test('several devices are selected and signed out', async ({ keyrack, open, scripts }) => {
    const device = await openBesideOthers(keyrack, open);
    const { page } = device;
    for (const { title } of [phone, desk]) {
      await tabTo(page, `Select ${title}`, title === phone.title ? 'Tab' : await keyOf(page, `Select ${title}`));
      await page.keyboard.press('Space');
    }
    assert.equal(await page.getByRole('checkbox', { checked: true }).count(), 2);
    await tabTo(page, 'Sign out the selected devices');
    await press(device);
    assert.equal(device.path(), '/account/sessions');
    await assertMessage(device, 'Signed out 2 devices.', scripts);
    await page.getByText('1 active session', { exact: true }).waitFor();
  });

  suite.test('all others are signed out at the top of the list', async ({ keyrack, open, scripts }) => {
    const device = await openBesideOthers(keyrack, open);
    const { page } = device;
    const passed = await tabTo(page, 'Sign out all other devices');
    assert.ok(!passed.some((name) => name.startsWith('Details')), `the list comes later: ${passed.join(', ')}`);
    await page.keyboard.press('Enter');
    await tabTo(page, 'Sign out everywhere');
    await tabTo(page, 'Yes, sign them all out', 'Shift+Tab');
    await press(device, 'Space');
    await assertMessage(device, 'Signed out 2 other devices.', scripts);
  });

  suite.test('a session gets a name', async ({ keyrack, open, scripts }) => {
    const device = await openBesideOthers(keyrack, open);
    const { page } = device;
    await openPageOf(device, phone);
    await tabTo(page, 'Name of this session');
    await page.keyboard.type('W'.repeat(64));
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('Phone in the hall');
    await press(device);
    await assertMessage(device, `${phone.title} is now called “Phone in the hall”.`, scripts);
    await page.getByRole('heading', { level: 1, name: 'Phone in the hall' }).waitFor();
  });

  suite.test('a session of another person is reported, and a new password chosen', async ({ keyrack, open, scripts }) => {
    const device = await openBesideOthers(keyrack, open);
    const { page } = device;
    await openPageOf(device, phone);
    await tabTo(page, 'This wasn’t me');
    await press(device);
    await page.getByRole('heading', { level: 1, name: `Did someone else sign in with ${phone.title}?` }).waitFor();
    await tabTo(page, 'It was me');
    await tabTo(page, 'It wasn’t me', 'Shift+Tab');
    await press(device, 'Space');
    await page.getByRole('heading', { level: 1, name: 'This wasn’t you' }).waitFor();
    await tabTo(page, 'Choose a new password');
    await press(device);
    const wrong = [['Current password', 'not the password'], ['New password', NEW_PASSWORD], ['Confirm new password', NEW_PASSWORD]];
    await typeInto(device, wrong);
    await assertMessage(device, 'The password was not changed. Please correct:\n\nCurrent password', scripts, 'alert');
    await tabTo(page, 'Current password');
    await page.keyboard.press('Enter');
    await page.locator('#current_password:focus').waitFor();
    await typeInto(device, [['Current password', USER.password], ['New password', NEW_PASSWORD], ['Confirm new password', NEW_PASSWORD]]);
    assert.equal(device.path(), '/account/sessions');
    await assertMessage(device, 'Your password was changed. Signed out 1 other device.', scripts);
  });

  suite.test('the language is changed, and the page stays', async ({ keyrack, open }) => {
    const device = await openBesideOthers(keyrack, open);
    const { page } = device;
    await page.goto('/account/activity');
    await tabTo(page, 'Deutsch');
    await press(device);
    assert.equal(device.path(), '/account/activity');
    await page.getByRole('heading', { level: 1, name: 'Ihre Aktivität' }).waitFor();
    await tabTo(page, 'English', 'Shift+Tab');
    await press(device, 'Space');
    await page.getByRole('heading', { level: 1, name: 'Your activity' }).waitFor();
  });

  suite.test('a change that waits for the password is made after it', async ({ keyrack, open, scripts }) => {
    const device = await openBesideOthers(keyrack, open);
    const { page } = device;
    await keyrack.ageProofs();
    await tabTo(page, `Revoke ${desk.title}`);
    await press(device);
    assert.equal(new URL(page.url()).pathname, '/reauth');
    await page.locator('#password:focus').waitFor();
    await typeInto(device, [['Password', 'not the password']]);
    await page.getByRole('alert').waitFor();
    await page.locator('#password:focus').waitFor();
    await tabTo(page, 'Deutsch');
    await press(device);
    await page.locator('#password:focus').waitFor();
    await typeInto(device, [['Passwort', USER.password]]);
    assert.equal(device.path(), '/account/sessions');
    await assertMessage(device, 'Chrome 120 auf Windows wurde abgemeldet.', scripts);
  });

  suite.testWithScripts('the dialog before an idle end takes the focus, and gives it back', async ({ keyrack, open }) => {
    await keyrack.restart({ KEYRACK_IDLE_TIMEOUT: '24s' });
    const device = await openBesideOthers(keyrack, open);
    const { page } = device;
    const dialog = page.getByRole('dialog', { name: 'You are about to be signed out' });
    await tabTo(page, 'Details of');
    const before = (await focused(page)).name;
    for (const key of ['Enter', 'Escape']) {
      await dialog.waitFor({ timeout: 30_000 });
      assert.deepEqual(await focused(page), { name: 'Stay signed in', tag: 'button', visible: true });
      await page.keyboard.press('Tab');
      const { tag, name } = await focused(page);
      assert.ok(tag === 'body' || name === 'Stay signed in', `the page behind the dialog is out of reach: ${name}`);
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press(key);
      await dialog.waitFor({ state: 'detached' });
      assert.equal((await focused(page)).name, before);
    }
  });
});
