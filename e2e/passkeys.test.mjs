import assert from 'node:assert/strict';

import { addAuthenticator } from './support/authenticator.mjs';
import { onEveryEngine } from './support/suite.mjs';
import { USER } from './support/keyrack.mjs';
import { codeOf, shownSecret } from './support/totp.mjs';

/** Serves at a host name, which passkeys need, and opens browsers there. */
async function atHostName({ keyrack, open }, settings = {}) {
  await keyrack.addUser();
  const origin = keyrack.url.replace('127.0.0.1', 'localhost');
  await keyrack.restart({ KEYRACK_PUBLIC_URL: origin, ...settings });
  return (options = {}) => open({ baseURL: origin, ...options });
}

/** Adds a passkey of the device's authenticator on the pages about it. */
async function addPasskey(device, name = '') {
  const { page } = device;
  await device.navigate(() => page.getByRole('link', { name: 'Security' }).click());
  await device.navigate(() => page.getByRole('link', { name: 'Manage passkeys' }).click());
  await device.navigate(() => page.getByRole('link', { name: 'Add a passkey' }).click());
  await page.getByLabel('Name').fill(name);
  await device.navigate(() => page.getByRole('button', { name: 'Create passkey' }).click());
  await page.getByText('Your passkey was added.').waitFor();
}

const signOut = (device) =>
  device.navigate(() => device.page.getByRole('button', { name: 'Sign out', exact: true }).first().click());

onEveryEngine('Passkeys', (suite) => {
  suite.testWithScripts('a passkey is added, signs in by the button, and is removed', async (tools) => {
    const open = await atHostName(tools);
    const mine = await open();
    const { page } = mine;
    const authenticator = await addAuthenticator(mine);
    await mine.signIn(USER);
    await addPasskey(mine, 'Work laptop');
    await page.getByRole('heading', { name: 'Work laptop' }).waitFor();
    await page.getByText('On one device').waitFor();
    const [credential] = await authenticator.credentials();
    assert.ok(credential.isResidentCredential && credential.rpId === 'localhost', JSON.stringify(credential));

    // A second one on the same device is refused by the browser.
    await mine.navigate(() => page.getByRole('link', { name: 'Add a passkey' }).click());
    await page.getByRole('button', { name: 'Create passkey' }).click();
    await page.getByText('has a passkey of your account already').waitFor();

    // Without an answer to the suggestion, the form is an ordinary one.
    await authenticator.answers(false);
    await signOut(mine);
    assert.equal(await page.getByLabel('Email').getAttribute('autocomplete'), 'username webauthn');
    const button = page.getByRole('button', { name: 'Sign in with a passkey' });
    await button.waitFor();
    await authenticator.answers(true);
    await mine.navigate(() => button.click());
    assert.equal(mine.path(), '/account/sessions');

    await page.goto('/account/security/passkeys');
    await page.getByText('Last used just now').waitFor();
    await page.getByRole('textbox').fill('Old laptop');
    await mine.navigate(() => page.getByRole('button', { name: 'Rename' }).click());
    await page.getByRole('heading', { name: 'Old laptop' }).waitFor();
    await mine.navigate(() => page.getByRole('button', { name: 'Remove' }).click());
    await page.getByText('You have no passkeys.').waitFor();

    // The device still has it, or has learned by a signal that it is gone; the server knows none.
    await authenticator.answers(false);
    await signOut(mine);
    await authenticator.answers(true);
    if ((await authenticator.credentials()).length === 0) await authenticator.add(credential);
    await mine.navigate(() => button.click());
    assert.match(await page.getByRole('alert').innerText(), /This passkey was not accepted/);
    assert.equal(mine.path(), '/login');
  });

  suite.testWithScripts('a passkey among the suggestions of the field signs in', async (tools) => {
    const open = await atHostName(tools);
    const mine = await open();
    const { page } = mine;
    const authenticator = await addAuthenticator(mine);
    await mine.signIn(USER);
    await addPasskey(mine);
    await authenticator.answers(false);
    await signOut(mine);
    assert.ok(await page.evaluate(() => PublicKeyCredential.isConditionalMediationAvailable()));
    // A page that asks for no passkey: the sign-in page would be answered at once.
    await page.goto('/forgot');
    await authenticator.answers(true);
    // Chromium chooses the suggestion in place of the user, maybe before the page has loaded.
    await page.goto('/login?next=/account/activity', { waitUntil: 'commit' });
    await page.waitForURL('**/account/activity');
    await page.getByText('Signed in with a passkey').waitFor();
  });

  suite.testWithScripts('a device that does not verify its user is not let in', async (tools) => {
    const open = await atHostName(tools);
    const mine = await open();
    const { page } = mine;
    const authenticator = await addAuthenticator(mine);
    await mine.signIn(USER);
    await addPasskey(mine);
    await authenticator.answers(false);
    await signOut(mine);
    await authenticator.verifiesUser(false);
    await authenticator.answers(true);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByText('No passkey was used.').waitFor();
    assert.equal(mine.path(), '/login');
    // The password still does.
    await mine.submitSignIn(USER);
    assert.equal(mine.path(), '/account/sessions');
  });

  suite.testWithScripts('a passkey proves who its user is, and then the change is made', async (tools) => {
    const open = await atHostName(tools);
    const mine = await open();
    const { page } = mine;
    await addAuthenticator(mine);
    await mine.signIn(USER);
    await addPasskey(mine);
    await tools.keyrack.ageProofs();
    await mine.navigate(() => page.getByRole('button', { name: 'Remove' }).click());
    assert.ok(mine.path().startsWith('/reauth?'), mine.path());
    await mine.navigate(() => page.getByRole('button', { name: 'Use a passkey' }).click());
    assert.equal(mine.path(), '/account/security/passkeys');
    await page.getByText('The passkey was removed.').waitFor();
  });

  suite.testWithScripts('a passkey stands in for the code of an app', async (tools) => {
    const open = await atHostName(tools);
    const mine = await open();
    const { page } = mine;
    const authenticator = await addAuthenticator(mine);
    await mine.signIn(USER);
    await mine.navigate(() => page.getByRole('link', { name: 'Security' }).click());
    await mine.navigate(() => page.getByRole('link', { name: 'Set up an app' }).click());
    const secret = await shownSecret(page);
    await page.getByLabel('Code that the app shows now').fill(codeOf(secret));
    await mine.navigate(() => page.getByRole('button', { name: 'Set up' }).click());
    await mine.navigate(() => page.getByRole('link', { name: 'I have kept them' }).click());
    await addPasskey(mine);
    await authenticator.answers(false);
    await signOut(mine);
    await mine.submitSignIn(USER);
    assert.equal(mine.path(), '/login/second');
    await authenticator.answers(true);
    await mine.navigate(() => page.getByRole('button', { name: 'Use a passkey' }).click());
    assert.equal(mine.path(), '/account/sessions');
  });

  suite.testWithoutScripts('the pages say that passkeys need JavaScript, and all else works', async (tools) => {
    const open = await atHostName(tools);
    const mine = await open();
    const { page } = mine;
    await page.goto('/login');
    assert.match(await page.locator('noscript p').innerText(), /^Passkeys need JavaScript/);
    assert.equal(await page.getByRole('button', { name: 'passkey' }).count(), 0);
    await mine.signIn(USER);
    await page.goto('/account/security/passkeys/add');
    assert.match(await page.locator('noscript p').innerText(), /^Passkeys need JavaScript/);
    assert.equal(await page.getByRole('button', { name: 'Create passkey' }).count(), 0);
    await mine.navigate(() => page.getByRole('link', { name: 'Cancel' }).click());
    await page.getByText('You have no passkeys.').waitFor();
  });
});
