// The frame of a benchmark leaves nothing behind. Run by scripts/test.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const HOST = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);

const PROGRAM = `
  import { benchmark } from ${JSON.stringify(path.join(HOST, 'benchmark.mjs'))};
  import { start } from ${JSON.stringify(path.join(HOST, 'processes.mjs'))};
  await benchmark(async (makeFolder) => {
    console.log(JSON.stringify([makeFolder(), start('sleep', ['60']).pid]));
    Promise.reject(new Error('orphaned'));
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  });
`;

test('an error that nothing catches stops every process and removes the folder', () => {
  const { status, stdout, stderr } =
    spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8', timeout: 30_000 });
  const [folder, pid] = JSON.parse(stdout);
  assert.equal(status, 1);
  assert.match(stderr, /The run failed: Error: orphaned/);
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  assert.equal(existsSync(folder), false);
});
