// Signs in through the form, on the ways through all pages, in whatever language they are.

/** Opens the form and signs in. */
export async function signIn(page, user) {
  await page.goto('/login');
  await submitSignIn(page, user);
  await page.waitForURL('**/account/sessions');
}

/** Fills in and sends the open form. */
export async function submitSignIn(page, { email, password }) {
  await page.locator('#email').fill(email);
  await page.locator('#password').fill(password);
  await page.locator('.form .button-primary').click();
}
