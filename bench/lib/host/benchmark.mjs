// The frame of a benchmark: a temporary folder, and the end of everything that was started.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isEnding, stopAll } from './processes.mjs';

const started = Date.now();

/** Prints a line of progress, with the seconds since the start. */
export function say(line) {
  const seconds = String(Math.round((Date.now() - started) / 1000)).padStart(4);
  console.error(`${seconds} s  ${line}`);
}

/**
 * Runs a benchmark with a temporary folder, made at its first use. When `main` ends, after Ctrl-C, and after an error that
 * nothing catches, every process is stopped and the folder removed. The exit status is 1 if `main` failed, and 2 for wrong usage.
 */
export async function benchmark(main) {
  let folder;
  const makeFolder = () => (folder ??= mkdtempSync(path.join(os.tmpdir(), 'keyrack-bench-')));
  const cleanUp = async () => {
    await stopAll();
    if (folder) rmSync(folder, { recursive: true, force: true });
  };
  for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
    process.once(signal, async () => {
      console.error('\nstopping everything');
      await cleanUp();
      process.exit(status);
    });
  }
  // A promise that nothing awaits may fail long after the measurement that made it.
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.once(event, async (error) => {
      console.error(`\nThe run failed: ${error?.stack ?? error}`);
      await cleanUp();
      process.exit(1);
    });
  }
  try {
    await main(makeFolder);
  } catch (error) {
    if (isEnding()) await new Promise(() => {}); // the signal handler ends this program
    console.error(`\n${error.isUsage ? error.message : `The run failed: ${error.message}`}`);
    process.exitCode = error.isUsage ? 2 : 1;
  } finally {
    await cleanUp();
  }
}

/** An error that is reported as wrong usage. */
export function usageError(message) {
  return Object.assign(new Error(message), { isUsage: true });
}
