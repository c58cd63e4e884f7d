// Signs in through the form, on the ways through all pages.

/** Opens the form and signs in. */
export async function signIn(page, user) {
  await page.goto('/login');
  await submitSignIn(page, user);
  await page.waitForURL('**/account/sessions');
}

/** Fills in and sends the open form. */
export async function submitSignIn(page, { email, password }) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
