// Walks over the pages of `keyrack demo --states`: every page in every state, with sample data.

/** The languages of people, and the two that show what other languages would do: long words, and right to left. */
export const LANGUAGES = ['en', 'de', 'en-XA', 'ar-XB'];

/** The names of all states. */
export async function stateNames(page) {
  await page.goto('/states');
  const links = await page.locator('.states a').all();
  return Promise.all(links.map((link) => link.textContent()));
}

/** Opens a page in a state. `long` makes the texts of users as long as they may be. */
export async function openState(page, name, { language = 'en', long = false } = {}) {
  await page.goto(`/states/${name}?language=${language}${long ? '&long=on' : ''}`);
}

/** Opens what can be opened on a page. */
export async function openDetails(page) {
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true;
  });
}

/** Looks at all states, on several pages at a time. */
export async function forEachState(context, look, pages = 3) {
  const first = await context.newPage();
  const names = await stateNames(first);
  await first.close();
  const next = names.values();
  await Promise.all(Array.from({ length: pages }, async () => {
    const page = await context.newPage();
    for (const name of next) await look(page, name);
    await page.close();
  }));
  return names;
}
