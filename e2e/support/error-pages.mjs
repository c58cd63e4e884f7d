// Walks through the error pages.

import { signIn } from './sign-in-form.mjs';

/** The error pages of refused forms, and what makes the open and filled sign-in form such a one. */
const REFUSED_FORMS = {
  'error-403-token': (page) => page.locator('.form [name=csrf_token]').evaluate((field) => { field.value = 'another'; }),
  'error-403-no-cookie': (page) => page.context().clearCookies(),
  'error-413': (page) => page.locator('#email').fill('x'.repeat(20_000)),
};

/** Every error page that a browser can get to, except those of an outage, of an outdated form and of an unknown address. */
export async function* errorPages(page, keyrack, user) {
  await page.goto('/login?next=1&next=2');
  yield 'error-400';
  for (const [name, spoil] of Object.entries(REFUSED_FORMS)) {
    await page.goto('/login');
    await page.locator('#email').fill(user.email);
    await page.locator('#password').fill(user.password);
    await spoil(page);
    await page.locator('.form .button-primary').click();
    await page.locator('.error-status').waitFor();
    yield name;
  }
  await signIn(page, user);
  await page.goto('/account/sessions/revoke-others');
  yield 'error-405';
  if (!keyrack.database.addUnreadableSession) return;
  await keyrack.database.addUnreadableSession();
  await page.goto('/account/sessions');
  await page.locator('.error-status').waitFor();
  yield 'error-500';
  await keyrack.database.execute("DELETE FROM user_sessions WHERE sid = 'unreadable'");
}
