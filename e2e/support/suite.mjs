// The frame of a test file: every engine, and every page with scripts and without.

import { after, before, describe, test } from 'node:test';

import { Device, launch } from './browser.mjs';
import { ENGINES } from './engines.mjs';
import { Keyrack } from './keyrack.mjs';

/** Describes something on each engine; `define` gets what its tests need. */
export function onEveryEngine(title, define, { keepsPages = false } = {}) {
  for (const engine of ENGINES) {
    describe(`${title}, on ${engine.name}`, () => {
      const stage = new Stage(engine);
      before(async () => {
        stage.browser = await launch({ keepsPages });
      });
      after(() => stage.browser.close());
      define(stage);
    });
  }
}

/** Where tests play: one browser, and for each test a server with an empty database and devices of its own. */
class Stage {
  constructor(engine) {
    this.engine = engine;
  }

  /** A test with scripts, and again without. */
  test(title, run) {
    this.scripted(title, run);
    this.#test(`${title}, without JavaScript`, run, { javaScriptEnabled: false });
  }

  /** A test of what scripts add. */
  scripted(title, run) {
    this.#test(title, run, {});
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
