// What a benchmark requires: tools from Debian's packages, and release builds of every system.

import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './processes.mjs';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
export const PEERS = path.join(ROOT, 'bench/peers');

const TOOLS = [
  { package: 'wrk', what: 'wrk, the load generator', found: () => onPath('wrk') },
  { package: 'redis-server', what: 'Redis, in which one peer stores its sessions', found: () => onPath('redis-server') },
  { package: 'postgresql', what: 'the PostgreSQL server', found: () => postgresBinary('initdb') },
  { package: 'sqlite3', what: 'the sqlite3 command, which fills tables', found: () => onPath('sqlite3') },
  { package: 'npm', what: 'npm, which installs the Express peer', found: () => onPath('npm') },
];

/** Installs missing tools where that is possible; elsewhere fails with a message that names them. */
export async function requireTools(names = TOOLS.map((tool) => tool.package)) {
  const tools = TOOLS.filter((tool) => names.includes(tool.package));
  if (Number(process.versions.node.split('.')[0]) < 20) throw new Error('Missing: Node.js 20 or newer.');
  if (!onPath('cargo')) throw new Error('Missing: a Rust toolchain; install it as https://rustup.rs says.');
  let missing = tools.filter((tool) => !tool.found());
  const isRoot = process.getuid() === 0;
  if (missing.length > 0 && onPath('apt-get') && (isRoot || onPath('sudo'))) {
    await install(missing.map((tool) => tool.package), isRoot ? [] : ['sudo']);
    missing = tools.filter((tool) => !tool.found());
  }
  if (missing.length > 0) {
    const lines = missing.map(
      (tool) => `Missing: ${tool.what}; on Debian, install it with: apt-get install ${tool.package}.`);
    throw new Error(lines.join('\n'));
  }
}

/** Installs packages without starting a cluster or a service: only the programs are needed. */
async function install(packages, sudo) {
  const clusters = '/etc/postgresql-common/createcluster.d/keyrack-bench.conf';
  const script = `mkdir -p ${path.dirname(clusters)} && echo 'create_main_cluster = false' >${clusters}
    apt-get update -q && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qy --no-install-recommends "$@"
    status=$?; rm -f ${clusters}; exit $status`;
  const [command, ...args] = [...sudo, 'sh', '-c', script, 'sh', ...packages];
  await run(command, args, { show: true });
}

/** Makes release builds of Keyrack and every peer. */
export async function build() {
  const cargo = ['build', '--release', '--locked', '--quiet'];
  await run('cargo', [...cargo, '--bin', 'keyrack'], { cwd: ROOT, show: true });
  await run('cargo', cargo, { cwd: PEERS, show: true });
  const express = path.join(PEERS, 'express');
  await run('npm', ['ci', '--no-audit', '--no-fund', '--silent'], { cwd: express, show: true });
}

/** The release build of Keyrack. */
export function keyrackBinary() {
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), 'release/keyrack');
}

export function peerBinary(name) {
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(PEERS, 'target'), 'release', name);
}

/** The path of one of PostgreSQL's programs, as `scripts/postgres` finds them; null where it is not installed. */
export function postgresBinary(name) {
  folderOfPostgres ??= findPostgres();
  return folderOfPostgres && path.join(folderOfPostgres, name);
}

let folderOfPostgres;

function findPostgres() {
  try {
    const output = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync(path.join(ROOT, 'scripts/postgres'), ['find'], output).trim();
  } catch {
    return null; // not installed: `requireTools` reports it
  }
}

function onPath(name) {
  return process.env.PATH.split(':').map((folder) => path.join(folder, name)).find(isProgram);
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
