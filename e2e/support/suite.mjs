// Runs tests on every engine, with JavaScript and without.

import { after, before, describe, test } from 'node:test';

import { Device, launch } from './browser.mjs';
import { ENGINES } from './engines.mjs';
import { Keyrack } from './keyrack.mjs';

/** Defines tests for each engine. `define` gets a `Suite`. */
export function onEveryEngine(title, define, { backForwardCache = false } = {}) {
  for (const engine of ENGINES) {
    describe(`${title}, on ${engine.name}`, () => {
      const suite = new Suite(engine);
      before(async () => {
        suite.browser = await launch({ backForwardCache });
      });
      after(() => suite.browser.close());
      define(suite);
    });
  }
}

/** Tests that share a browser. Each one gets a server with an empty database, and its own devices. */
class Suite {
  constructor(engine) {
    this.engine = engine;
  }

  /** Defines a test that runs with JavaScript, and again without. */
  test(title, run) {
    this.testWithScripts(title, run);
    this.#test(`${title}, without JavaScript`, run, { javaScriptEnabled: false });
  }

  /** Defines a test that runs with JavaScript only. */
  testWithScripts(title, run) {
    this.#test(title, run, {});
  }

  /** Defines a test that runs without JavaScript only. */
  testWithoutScripts(title, run) {
    this.#test(title, run, { javaScriptEnabled: false });
  }

  #test(title, run, options) {
    test(title, { timeout: 300_000 }, async () => {
      const keyrack = await Keyrack.start(this.engine);
      const devices = [];
      const open = async (more = {}) => {
        const device = await Device.open(this.browser, keyrack, { ...options, ...more });
        devices.push(device);
        return device;
      };
      try {
        await run({ keyrack, open, scripts: options.javaScriptEnabled !== false });
      } finally {
        try {
          for (const device of devices) await device.close();
        } finally {
          await keyrack.stop();
        }
      }
    });
  }
}
