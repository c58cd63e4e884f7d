// That scripts/postgres leaves nothing behind, however it and the process that started it end.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { ROOT, postgresBinary } from './requirements.mjs';

const SCRIPT = path.join(ROOT, 'scripts/postgres');

describe('scripts/postgres', { skip: !postgresBinary('initdb') && 'PostgreSQL is not installed' }, () => {
  let parent;
  before(() => (parent = mkdtempSync(path.join(os.tmpdir(), 'keyrack-postgres-test-'))));
  after(() => rmSync(parent, { recursive: true }));

  /** Starts the script, and returns it with its server's folder and process id. */
  async function start(name, { mode = [], more = [] } = {}) {
    const folder = path.join(os.tmpdir(), `${path.basename(parent)}-${name}`);
    const script = spawn(SCRIPT, [...mode, '--folder', folder, '--fast', ...more], { stdio: ['pipe', 'pipe', 'inherit'] });
    const early = once(script, 'exit').then(([code, signal]) => assert.fail(`ended early: ${code ?? signal}`));
    early.catch(() => {});
    const [line] = await Promise.race([once(script.stdout, 'data'), early]);
    const server = Number(readFileSync(path.join(folder, 'data/postmaster.pid'), 'utf8').split('\n')[0]);
    return { script, folder, server, line: line.toString() };
  }

  /** Waits until neither the folder nor the server exists. */
  async function gone({ folder, server }) {
    for (let tries = 0; existsSync(folder) || isAlive(server); tries++) {
      assert.ok(tries < 300, `${folder} or process ${server} still exists`);
      await sleep(100);
    }
  }

  function isAlive(pid) {
    try {
      // A zombie has ended; its parent has not waited for it yet.
      return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  }

  test('prints a URL, and removes the server when its standard input ends', async () => {
    const started = await start('input');
    assert.match(started.line, /^postgres:\/\/postgres@127\.0\.0\.1:\d+\/postgres\n$/);
    started.script.stdin.end();
    assert.deepEqual(await once(started.script, 'exit'), [0, null]);
    await gone(started);
  });

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`removes the server after ${signal}`, async () => {
      const started = await start(signal);
      started.script.kill(signal);
      await gone(started);
    });

    test(`removes the server after ${signal} while a command runs`, async () => {
      const started = await start(`run-${signal}`, { mode: ['run'], more: ['--', 'sh', '-c', 'echo started; read _'] });
      started.script.kill(signal);
      await gone(started);
      started.script.stdin.end();
    });
  }

  test('runs a command with DATABASE_URL set, and exits with its status', async () => {
    const started = await start('run', { mode: ['run'], more: ['-c', 'max_connections=7', '--', 'sh', '-c',
      'psql --no-psqlrc -Atc "SHOW max_connections" "$DATABASE_URL"; read _; exit 5'] });
    assert.equal(started.line, '7\n');
    started.script.stdin.end();
    assert.deepEqual(await once(started.script, 'exit'), [5, null]);
    await gone(started);
  });
});
