// Takes a picture of every page, at two widths, light and dark: npm run screenshots [FOLDER]

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { launch } from './support/browser.mjs';
import { sqlite } from './support/engines.mjs';
import { Keyrack, USER } from './support/keyrack.mjs';

const folder = process.argv[2] ?? 'screenshots';
const WIDTHS = [360, 1280];
const SCHEMES = ['light', 'dark'];

/** Each page: where it is, and what is done there before the picture. */
const DEMO_PAGES = {
  'sign-in': async (page) => page.goto('/login'),
  'sign-in-notice': async (page) => page.goto('/account/sessions'),
  'sign-in-error': async (page, { email }) => {
    await page.goto('/login');
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
  },
  'error-404': async (page) => page.goto('/nothing/here'),
  'devices': async (page, user) => signIn(page, user),
  'devices-details': async (page) => {
    await page.goto('/account/sessions');
    for (const summary of await page.locator('.facts summary').all()) await summary.click();
  },
  'devices-confirm': async (page) => {
    await page.goto('/account/sessions');
    await page.getByText('Sign out all other devices').click();
  },
  'history': async (page) => page.goto('/account/sessions?show=ended'),
  'devices-revoked': async (page) => {
    await page.goto('/account/sessions');
    await page.getByRole('button', { name: /^Revoke/ }).first().click();
    await page.getByRole('status').waitFor();
  },
  'devices-alone': async (page) => {
    await page.goto('/account/sessions');
    await page.getByText('Sign out all other devices').click();
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.getByRole('status').waitFor();
  },
};

const SETUP_PAGES = {
  'setup': async (page, { link }) => page.goto(link),
  'setup-errors': async (page, { link }) => {
    await page.goto(link);
    await page.getByLabel('Email').fill('rajat.verma@example.com');
    await page.getByLabel('First name').fill(' ');
    await page.getByLabel('Password', { exact: true }).fill('too short');
    await page.getByLabel('Password again').fill('tooo short');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('alert').waitFor();
  },
};

const BROKEN_PAGES = {
  'error-503': async (page, keyrack) => {
    await signIn(page, USER);
    const repair = await keyrack.database.interrupt();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByText('Error 503').waitFor();
    await repair();
  },
};

async function signIn(page, { email, password }) {
  await page.goto('/login');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/account/sessions');
}

const browser = await launch();

/** Opens pages one after the other on a device of its own, and takes a picture of each. */
async function picture(keyrack, { width, colorScheme }, pages, user) {
  const context = await browser.newContext({
    baseURL: keyrack.url, colorScheme, viewport: { width, height: width < 500 ? 740 : 800 },
  });
  const page = await context.newPage();
  for (const [name, prepare] of Object.entries(pages)) {
    await prepare(page, user);
    await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  }
  await context.close();
}

async function pictureDemo(look) {
  const keyrack = await Keyrack.demo();
  try {
    await picture(keyrack, look, DEMO_PAGES, keyrack.demo);
  } finally {
    await keyrack.stop();
  }
}

async function pictureSetup(look) {
  const keyrack = await Keyrack.start(sqlite);
  try {
    await picture(keyrack, look, SETUP_PAGES, { link: await keyrack.setupLink() });
    await keyrack.addUser();
    await picture(keyrack, look, BROKEN_PAGES, keyrack);
  } finally {
    await keyrack.stop();
  }
}

try {
  await mkdir(folder, { recursive: true });
  for (const width of WIDTHS) {
    for (const colorScheme of SCHEMES) {
      await pictureDemo({ width, colorScheme });
      await pictureSetup({ width, colorScheme });
    }
  }
} finally {
  await browser.close();
}
