// Chromium, and a watch over everything that its pages complain about.

import assert from 'node:assert/strict';

import { chromium } from 'playwright-core';

/** Far more than any page needs; a test that waits this long has failed. */
const PATIENCE = 15_000;

/**
 * Starts Chromium. `keepsPages` leaves its back/forward cache on, which Playwright turns off unless asked.
 */
export function launch({ keepsPages = false } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    // The sandbox refuses to run as root, as in most containers.
    chromiumSandbox: process.getuid() !== 0,
    ignoreDefaultArgs: keepsPages ? ['--disable-back-forward-cache'] : [],
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

/** A device: a browser context with its own cookies, whose pages are watched. */
export class Device {
  static async open(browser, keyrack, options = {}) {
    const context = await browser.newContext({ baseURL: keyrack.url, ...options });
    context.setDefaultTimeout(PATIENCE);
    const device = new Device(context, keyrack.url);
    device.page = await context.newPage();
    return device;
  }

  /** What the pages complained of: script errors, violations of the policy, requests to elsewhere. */
  complaints = [];
  /** Every request that was sent, as "POST /login". */
  requests = [];

  constructor(context, origin) {
    this.context = context;
    const navigations = new Set();
    context.on('request', (request) => {
      const url = new URL(request.url());
      if (request.isNavigationRequest()) navigations.add(request.url());
      if (url.origin !== origin) this.complaints.push(`request to ${url.origin}`);
      this.requests.push(`${request.method()} ${url.pathname}${url.search}`);
    });
    context.on('console', (message) => {
      // The browser reports a page that answers 4xx or 5xx, which some tests ask for, like a missing file.
      const isPage = message.text().startsWith('Failed to load resource') && navigations.has(message.location().url);
      if (['error', 'warning'].includes(message.type()) && !isPage) this.complaints.push(message.text());
    });
    context.on('weberror', (error) => this.complaints.push(String(error.error())));
  }

  /** Fails if any page of this device complained. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.complaints, []);
  }

  /** Fills in and sends the sign-in form that is open, and waits for what comes of it. */
  async submitSignIn({ email, password }, { remember = false } = {}) {
    const { page } = this;
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(password);
    if (remember) await page.getByLabel('Keep me signed in').check();
    return this.following(() => page.getByRole('button', { name: 'Sign in' }).click());
  }

  /** Signs in and arrives at the list of devices. */
  async signIn(user) {
    await this.page.goto('/login');
    await this.submitSignIn(user);
    assert.equal(this.path(), '/account/sessions');
  }

  /** Does something that leads to another page. Returns that page's response. */
  async following(action) {
    const { page } = this;
    const answered = page.waitForResponse((response) => {
      const isPage = response.request().isNavigationRequest();
      return isPage && !(response.status() >= 300 && response.status() < 400);
    });
    const [response] = await Promise.all([answered, page.waitForEvent('domcontentloaded'), action()]);
    return response;
  }

  /** Where the page is, without the origin. */
  path() {
    const { pathname, search } = new URL(this.page.url());
    return pathname + search;
  }

  /** The row of another device in the list. */
  row(title) {
    return this.page.getByRole('listitem').filter({ has: this.page.getByRole('heading', { name: title }) });
  }
}

/** What real devices send, and how the pages name them. */
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
