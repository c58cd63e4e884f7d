// Starts Chromium and collects the problems that its pages report.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { chromium } from 'playwright-core';

/** The browser: by default the first `chromium` on the PATH. */
export const EXECUTABLE = process.env.CHROMIUM
  || process.env.PATH.split(delimiter).map((folder) => join(folder, 'chromium')).find((file) => existsSync(file))
  || '/usr/bin/chromium';

/** Far more than any page needs. */
const PAGE_TIMEOUT_MS = 15_000;

/** Starts Chromium. `backForwardCache` enables the back/forward cache, which Playwright disables by default. */
export function launch({ backForwardCache = false } = {}) {
  return chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    // The sandbox refuses to run as root, as in most containers.
    chromiumSandbox: process.getuid() !== 0,
    ignoreDefaultArgs: backForwardCache ? ['--disable-back-forward-cache'] : [],
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

const withoutFragment = (url) => url.split('#', 1)[0];

/** A device: a browser context with its own cookies. */
export class Device {
  static async open(browser, keyrack, options = {}) {
    const context = await browser.newContext({ baseURL: keyrack.url, ...options });
    context.setDefaultTimeout(PAGE_TIMEOUT_MS);
    const device = new Device(context, options.baseURL ?? keyrack.url);
    device.page = await context.newPage();
    return device;
  }

  /** Script errors, violations of the content security policy, requests to other origins. */
  problems = [];
  /** Every request that was sent, as "POST /login". */
  requests = [];

  constructor(context, origin) {
    this.context = context;
    const navigations = new Set();
    context.on('request', (request) => {
      const url = new URL(request.url());
      if (request.isNavigationRequest()) navigations.add(withoutFragment(request.url()));
      if (url.origin !== origin) this.problems.push(`request to ${url.origin}`);
      this.requests.push(`${request.method()} ${url.pathname}${url.search}`);
    });
    context.on('console', (message) => {
      // Some tests expect a page with status 4xx or 5xx, which the browser reports as if it were a missing file.
      const isPage = message.text().startsWith('Failed to load resource') && navigations.has(withoutFragment(message.location().url));
      if (['error', 'warning'].includes(message.type()) && !isPage) this.problems.push(message.text());
    });
    context.on('weberror', (error) => this.problems.push(String(error.error())));
  }

  /** Closes the device; fails if its pages reported problems. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.problems, []);
  }

  /** Fills in and submits the open sign-in form. Returns the response of the next page. */
  async submitSignIn({ email, password }, { remember = false } = {}) {
    const { page } = this;
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(password);
    if (remember) await page.getByLabel('Keep me signed in').check();
    return this.navigate(() => page.getByRole('button', { name: 'Sign in', exact: true }).click());
  }

  /** Opens the sign-in page and signs in. */
  async signIn(user) {
    await this.page.goto('/login');
    await this.submitSignIn(user);
    assert.equal(this.path(), '/account/sessions');
  }

  /** Performs an action that leads to another page. Returns the response of that page. */
  async navigate(action) {
    const { page } = this;
    const answered = page.waitForResponse((response) => {
      const isPage = response.request().isNavigationRequest();
      return isPage && !(response.status() >= 300 && response.status() < 400);
    });
    const [response] = await Promise.all([answered, page.waitForEvent('domcontentloaded'), action()]);
    return response;
  }

  /** The path and query of the current page. */
  path() {
    const { pathname, search } = new URL(this.page.url());
    return pathname + search;
  }

  /** The row of another device in the list. */
  row(title) {
    return this.page.getByRole('listitem').filter({ has: this.page.getByRole('heading', { name: title }) });
  }
}

/** User agents of real devices, and the names that the pages show for them. */
export const DEVICES = {
  phone: {
    title: 'Safari 18 on iOS 18.5',
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
  },
  laptop: {
    title: 'Firefox 140 on Linux',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  },
  desk: {
    title: 'Chrome 120 on Windows',
    userAgent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
  },
};
