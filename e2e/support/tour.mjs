// Walks through every page in each of its states, for the accessibility tests and the screenshots. It finds its way by
// classes and names of fields, not by words: pages have several languages.

import { DEVICES } from './browser.mjs';
import { errorPages } from './error-pages.mjs';
import { MailServer } from './mail-server.mjs';
import { signIn, submitSignIn } from './sign-in-form.mjs';
import { codeOf, shownSecret } from './totp.mjs';

/** Devices of every kind, and some with names that are hard to lay out. */
const USER_AGENTS = [
  ...Object.values(DEVICES).map(({ userAgent }) => userAgent),
  'curl/8.5.0',
  'Googlebot/2.1 (+http://www.google.com/bot.html)',
  'W'.repeat(300),
  'a-program-whose-name-does-not-end/123456.7',
];

/** A user whose name and address are longer than a line. */
export const LONG_USER = {
  email: `${'rajat.'.repeat(9)}verma@${'department-of-long-names.'.repeat(5)}example.com`,
  password: 'four birds under one roof',
  name: `${'Wolfeschlegelsteinhausen'.repeat(2)} ${'W'.repeat(64)}`,
};

/** The setup form, empty and with an error at every field. */
export async function* setupPages(page, link) {
  await page.goto(link);
  yield 'setup';
  await page.locator('#email').fill('rajat.verma@example.com');
  await page.locator('#first_name').fill(' ');
  await page.locator('#password').fill('too short');
  await page.locator('#password_again').fill('tooo short');
  await page.locator('.form .button-primary').click();
  await page.getByRole('alert').waitFor();
  yield 'setup-errors';
}

/** All pages from the sign-in form to the device list, for a user with several devices and a history. */
export async function* accountPages(page, { email, password }) {
  await page.goto('/login');
  yield 'sign-in';
  await page.goto('/account/sessions');
  yield 'sign-in-notice';
  await page.locator('#email').fill(email);
  await page.locator('#password').fill('not the password');
  await page.locator('.form .button-primary').click();
  await page.getByRole('alert').waitFor();
  yield 'sign-in-error';
  await page.goto('/nothing/here');
  yield 'error-404';

  await signIn(page, { email, password });
  yield 'devices';
  await openDetails(page);
  yield 'devices-details';
  await page.goto('/account/sessions');
  await page.locator('.confirm summary').first().click();
  await page.locator('.confirm .button-danger').first().waitFor();
  yield 'devices-confirm';
  await page.goto('/account/sessions?show=ended');
  yield 'history';
  await openDetails(page);
  yield 'history-details';
  await page.goto('/account/sessions?show=ended&after=1.550e8400-e29b-41d4-a716-446655440000');
  yield 'history-end';
  await page.goto('/account/activity');
  yield 'activity';
  await page.goto('/account/activity?before=1');
  yield 'activity-end';
  await page.goto('/account/password');
  yield 'password';
  await page.locator('#current_password').fill('not the password');
  await page.locator('#password').fill('too short');
  await page.locator('#password_again').fill('tooo short');
  await page.locator('.form .button-primary').click();
  await page.getByRole('alert').waitFor();
  yield 'password-errors';
  await page.goto('/reauth?next=%2Faccount%2Fsessions');
  yield 'reauth';
  await page.locator('#password').fill('not the password');
  await page.locator('.form .button-primary').click();
  await page.getByRole('alert').waitFor();
  yield 'reauth-error';
  await page.goto('/account/sessions?show=ended');
  await page.locator('summary').first().click();
  await page.locator('details[open] dd a').first().click();
  await page.locator('.facts').waitFor();
  yield 'session-ended';
  for (const [index, name] of ['session-current', 'session'].entries()) {
    await page.goto('/account/sessions');
    await page.locator('.device-details summary').nth(index).click();
    await page.locator('details[open] dd a').first().click();
    await page.locator('.facts').waitFor();
    yield name;
  }
  await page.locator('#name').fill('pay\u202elap');
  await page.locator('.name-form button').click();
  await page.getByRole('alert').waitFor();
  yield 'session-name-error';
  await page.locator('#name').fill('Laptop in the kitchen, which the whole family uses at times');
  await page.locator('.name-form button').click();
  await page.getByRole('status').waitFor();
  yield 'session-named';
  await page.locator('.hint a[href$="/not-me"]').click();
  await page.locator('.form .button-danger').waitFor();
  yield 'not-me';
  await page.locator('.form .button-danger').click();
  await page.locator('#since').waitFor();
  yield 'reported';
  await page.goto('/account/password');
  yield 'password-after-report';
  await page.goto('/account/sessions/550e8400-e29b-41d4-a716-446655440000');
  yield 'session-unknown';
  await page.goto('/logout');
  yield 'sign-out';

  await page.goto('/account/sessions');
  await page.locator('.device-action .button-revoke').first().click();
  await page.getByRole('status').waitFor();
  yield 'devices-revoked';
  await page.goto('/account/sessions');
  await page.locator('.confirm summary').first().click();
  await page.locator('.confirm .button-danger').first().click();
  await page.locator('.empty').waitFor();
  yield 'devices-alone';
}

/** The pages of a user whose password is good for one sign-in. */
export async function* oneTimePasswordPages(page, keyrack, user) {
  const oneTime = { ...user, password: 'seven otters in a boat' };
  await keyrack.command(['user', 'set-password', user.email, '--must-change'], oneTime.password);
  await keyrack.signIn(DEVICES.desk.userAgent, oneTime);
  await page.goto('/login');
  await submitSignIn(page, oneTime);
  await page.getByRole('alert').waitFor();
  yield 'sign-in-used';
  await keyrack.command(['user', 'set-password', user.email, '--must-change'], oneTime.password);
  await submitSignIn(page, oneTime);
  await page.waitForURL('**/account/password');
  yield 'password-required';
  await page.locator('#current_password').fill(oneTime.password);
  await page.locator('#password').fill(user.password);
  await page.locator('#password_again').fill(user.password);
  await page.locator('.form .button-primary').click();
  await page.waitForURL('**/account/sessions');
  yield 'password-changed';
}

/** A form that is older than its session's sid, and one that is older than the session. */
export async function* outdatedFormPages(page, keyrack, user) {
  // A page that learns of its end has no form any more: this one is never answered.
  await page.route('**/account/events*', () => {});
  await keyrack.signIn(DEVICES.phone.userAgent, user);
  await signIn(page, user);
  const other = await page.context().newPage();
  await other.goto('/reauth?next=%2Faccount%2Factivity');
  await other.locator('#password').fill(user.password);
  await other.locator('.form .button-primary').click();
  await other.waitForURL('**/account/activity');
  await other.close();
  await page.locator('.device-action .button-revoke').first().click();
  await page.locator('.error-status').waitFor();
  yield 'error-403-outdated';

  await page.goto('/account/password');
  await keyrack.command(['session', 'revoke-all', '--everyone']);
  await page.locator('#current_password').fill(user.password);
  await page.locator('#password').fill('five herons by the weir');
  await page.locator('#password_again').fill('five herons by the weir');
  await page.locator('.form .button-primary').click();
  await page.waitForURL('**/login?next=%2Faccount%2Fpassword');
  yield 'sign-in-unmade';
  await submitSignIn(page, user);
  await page.waitForURL('**/account/password');
  yield 'password-unmade';
  await page.unroute('**/account/events*');
}

/** The list with one other device and with many, and how far their end is. */
export async function* manyDevicesPages(page, keyrack, user) {
  await keyrack.command(['session', 'revoke-all', '--everyone']);
  await keyrack.signIn(DEVICES.phone.userAgent, user);
  await signIn(page, user);
  yield 'devices-two';
  await keyrack.addSessions(60, user);
  await page.goto('/account/sessions');
  yield 'devices-many';
  await page.locator('.pagination [rel=next]').click();
  await page.locator('.pagination [rel=prev]').waitFor();
  yield 'devices-many-next';
  await page.goto('/account/activity');
  yield 'activity-many';
  await page.route('**/signing-out?*', withoutRefresh);
  await page.goto(`/account/sessions/signing-out?until=${Date.now()}000`);
  yield 'devices-progress';
  await keyrack.command(['session', 'revoke-all', '--everyone']);
  await page.goto('/account/sessions');
  yield 'sign-in-ended';
}

/** The form that waits for the password, and the pages of a user who has none. */
export async function* proofPages(page, keyrack, user) {
  await keyrack.signIn(DEVICES.phone.userAgent, user);
  await signIn(page, user);
  await keyrack.ageProofs();
  await page.locator('.device-action .button-revoke').first().click();
  await page.waitForURL('**/reauth?*');
  yield 'reauth-revoke';
  await keyrack.database.execute('UPDATE users SET password_hash = NULL');
  await page.goto('/reauth');
  yield 'reauth-no-password';
  await page.goto('/account/password');
  yield 'password-none';
  await keyrack.command(['user', 'set-password', user.email], user.password);
}

/** What a user sees whose password is in the operator's list of leaked ones. */
export async function* leakedPasswordPages(page, keyrack, user) {
  await keyrack.write('leaked.txt', `${user.password}\n`);
  await keyrack.command(['passwords', 'build', 'leaked.txt', '--plain']);
  // The browser would report that the stream of an open page was cut.
  await page.goto('about:blank');
  await keyrack.restart({ KEYRACK_BREACHED_PASSWORDS: 'leaked.breached' });
  await signIn(page, user);
  yield 'devices-leaked-password';
  await page.goto('about:blank');
  await keyrack.restart({ KEYRACK_BREACHED_PASSWORDS: '' });
}

/** What links lead to that set a password. */
export async function* linkPages(page, keyrack, user) {
  const invited = { email: 'invited@example.com', password: user.password };
  const links = { reset: ['user', 'reset-link', user.email], invitation: ['user', 'invite', invited.email] };
  for (const [name, command] of Object.entries(links)) {
    const { pathname, search } = new URL(JSON.parse(await keyrack.command([...command, '--json'])).url);
    await page.goto(`${pathname}${search}`);
    yield name;
    await page.locator('#password').fill('too short');
    await page.locator('#password_again').fill('too short');
    await page.locator('.form .button-primary').click();
    await page.getByRole('alert').waitFor();
    yield `${name}-errors`;
    await page.locator('#password').fill(user.password);
    await page.locator('#password_again').fill(user.password);
    await page.locator('.form .button-primary').click();
    await page.waitForURL('**/account/sessions');
    await page.locator('.sign-out button').click();
    await page.locator('#email').waitFor();
    await page.goto(`${pathname}${search}`);
    yield `${name}-used`;
    await page.goto(`${pathname}?token=unknown`);
    yield `${name}-unknown`;
  }
}

/** The link of a notice. What happened before the server has begun to tell is not told. */
async function noticeOfNewPassword(mails, keyrack, user) {
  for (let attempts = 1; ; attempts += 1) {
    await keyrack.command(['user', 'set-password', user.email], user.password);
    try {
      return (await mails.mail('Your password for', 5000)).link;
    } catch (error) {
      if (attempts === 6) throw error;
    }
  }
}

/** Where the links of notices lead. */
export async function* noticePages(page, keyrack, user) {
  const mails = await MailServer.start();
  try {
    await keyrack.restart(mails.settings);
    await page.goto(await noticeOfNewPassword(mails, keyrack, user));
    yield 'notice';
    await page.locator('.form .button-danger').click();
    await page.locator('a.button[href="/login"]').waitFor();
    yield 'notice-done';
    await page.goto('/not-me?token=unknown');
    yield 'notice-unknown';
    for (let attempts = 0; attempts < 10; attempts += 1) {
      await page.goto('/login');
      await submitSignIn(page, { ...user, password: 'not the password' });
      await page.getByRole('alert').waitFor();
    }
    await page.goto((await mails.mail('Many failed sign-ins')).link);
    yield 'notice-failures';
    await page.locator('.form .button-danger').click();
    await page.locator('a.button[href="/login"]').waitFor();
    yield 'notice-failures-done';
  } finally {
    await page.goto('about:blank');
    await keyrack.command(['user', 'unlock', user.email]);
    await keyrack.restart({ KEYRACK_SMTP_URL: '', KEYRACK_MAIL_FROM: '' });
    mails.stop();
  }
}

/** What a user sees who has forgotten the password. No mail is sent: there is no server at this port. */
export async function* forgotPages(page, keyrack, user) {
  await page.goto('/login');
  await page.locator('a[href="/forgot"]').click();
  yield 'forgot-no-mail';
  await page.goto('about:blank');
  await keyrack.restart({ KEYRACK_SMTP_URL: 'smtp://127.0.0.1:9', KEYRACK_MAIL_FROM: 'keyrack@example.com' });
  await page.goto('/forgot');
  yield 'forgot';
  await page.locator('#email').fill('no address');
  await page.locator('.form .button-primary').click();
  await page.getByRole('alert').waitFor();
  yield 'forgot-no-address';
  await page.locator('#email').fill(user.email);
  await page.locator('.form .button-primary').click();
  await page.waitForURL('**/forgot?sent=on');
  yield 'forgot-sent';
  await page.goto('/reset?token=unknown');
  yield 'reset-unknown-with-mail';
  await page.goto('about:blank');
  await keyrack.restart({ KEYRACK_SMTP_URL: '', KEYRACK_MAIL_FROM: '' });
}

/** What protects an account, and how a sign-in asks for it. */
export async function* secondFactorPages(page, keyrack, user) {
  await signIn(page, user);
  await page.goto('/account/security');
  yield 'security';
  await page.locator('a[href="/account/security/authenticator"]').click();
  await page.locator('#code').waitFor();
  yield 'authenticator';
  const secret = await shownSecret(page);
  await page.locator('#code').fill('000000');
  await page.locator('.form .button-primary').click();
  await page.getByRole('alert').waitFor();
  yield 'authenticator-wrong';
  await page.locator('#code').fill(codeOf(secret));
  await page.locator('.form .button-primary').click();
  await page.locator('.recovery-codes').waitFor();
  yield 'recovery-codes';
  const [recoveryCode] = await page.locator('.recovery-codes code').allInnerTexts();
  await page.goto('/account/security');
  yield 'security-app';

  await page.goto('about:blank');
  await page.context().clearCookies();
  await page.goto('/login');
  await submitSignIn(page, user);
  await page.waitForURL('**/login/second');
  yield 'second';
  await page.locator('#code').fill('000000');
  await page.locator('.form .button-primary').click();
  await page.getByRole('alert').waitFor();
  yield 'second-wrong';
  await page.goto('/login/second?with=recovery');
  yield 'second-recovery';
  await page.locator('#code').fill(recoveryCode);
  await page.locator('[name=trust]').check();
  await page.locator('.form .button-primary').click();
  await page.waitForURL('**/account/sessions');
  await page.goto('/account/security');
  yield 'security-browsers';
  await page.locator('form[action$="/recovery-codes"] button').click();
  await page.locator('.recovery-codes').waitFor();
  yield 'recovery-codes-renewed';
  await page.goto('/account/activity');
  yield 'activity-second-factor';
  await keyrack.command(['user', 'remove-second-factor', user.email]);

  await page.goto('about:blank');
  await page.context().clearCookies();
  await keyrack.restart({ KEYRACK_SECOND_FACTOR: 'everyone' });
  await page.goto('/login');
  await submitSignIn(page, user);
  await page.waitForURL('**/login/second');
  yield 'authenticator-at-sign-in';
  await page.locator('#code').fill(codeOf(await shownSecret(page)));
  await page.locator('.form .button-primary').click();
  await page.locator('.recovery-codes').waitFor();
  yield 'recovery-codes-at-sign-in';
  await page.goto('about:blank');
  await keyrack.command(['user', 'remove-second-factor', user.email]);
  await keyrack.restart({ KEYRACK_SECOND_FACTOR: 'optional' });
  await page.context().clearCookies();
  await page.goto('/login?again=on');
  yield 'sign-in-again';
}

/** The sign-in form after too many wrong passwords. */
export async function* throttledPages(page, keyrack, user) {
  await page.goto('/login');
  for (let status = 401; status === 401;) {
    const answered = page.waitForResponse((response) => response.request().method() === 'POST');
    await submitSignIn(page, { ...user, password: 'not the password' });
    status = (await answered).status();
    await page.getByRole('alert').waitFor();
  }
  yield 'sign-in-throttled';
  await keyrack.command(['user', 'unlock', user.email]);
}

/** The forms and error pages of a database that can't be written. */
export async function* outagePages(page, keyrack, user) {
  await page.goto('/login');
  const repairSignIn = await keyrack.database.interrupt();
  try {
    await submitSignIn(page, user);
    await page.locator('.error-status, [role=alert]').first().waitFor();
    yield 'sign-in-unavailable';
  } finally {
    await repairSignIn();
  }
  await signIn(page, user);
  const repair = await keyrack.database.interrupt();
  try {
    await page.locator('.sign-out button').click();
    await page.locator('.error-status').waitFor();
    yield 'error-503';
  } finally {
    await repair();
  }
}

/** Pages that belong to no other part of the tour, each for a user who is not signed in. */
export async function* specialPages(page, keyrack, user) {
  const parts = [
    oneTimePasswordPages, outdatedFormPages, manyDevicesPages, proofPages, leakedPasswordPages, linkPages, noticePages,
    forgotPages, secondFactorPages,
    throttledPages, errorPages, outagePages,
  ];
  for (const part of parts) {
    // An open page would ask whether its session is alive, and would be told that it is not.
    await page.goto('about:blank');
    await page.context().clearCookies();
    yield* part(page, keyrack, user);
  }
}

/** All pages, each with its style sheet. The server must have no account; `user` becomes the first. */
export async function* allPages(page, keyrack, user) {
  for await (const name of stepThroughAllPages(page, keyrack, user)) {
    // An element may be there before the style sheet is.
    await page.waitForLoadState('load');
    yield name;
  }
}

async function* stepThroughAllPages(page, keyrack, user) {
  yield* setupPages(page, await keyrack.setupLink());
  await keyrack.addUser(user);
  for (const agent of USER_AGENTS) await keyrack.signIn(agent, user);
  await keyrack.command(['session', 'revoke-all', '--everyone']);
  for (const agent of USER_AGENTS) await keyrack.signIn(agent, user);
  yield* accountPages(page, user);
  yield* specialPages(page, keyrack, user);
}

/** Lets a page stay that would load itself again. */
async function withoutRefresh(route) {
  const response = await route.fetch();
  const { refresh, ...headers } = response.headers();
  await route.fulfill({ response, headers });
}

async function openDetails(page) {
  for (const summary of await page.locator('.device-details summary').all()) await summary.click();
}
