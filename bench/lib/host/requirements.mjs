// What has to be there: tools from Debian's packages, and release builds of every system.

import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from './processes.mjs';

export const ROOT = path.resolve(import.meta.dirname, '../../..');
export const PEERS = path.join(ROOT, 'bench/peers');

const TOOLS = [
  { package: 'wrk', what: 'wrk, which makes the load', found: () => onPath('wrk') },
  { package: 'redis-server', what: 'Redis, which one peer keeps its sessions in', found: () => onPath('redis-server') },
  { package: 'postgresql', what: 'the PostgreSQL server', found: () => postgresBinary('initdb') },
  { package: 'sqlite3', what: 'the sqlite3 command, which fills tables', found: () => onPath('sqlite3') },
  { package: 'npm', what: 'npm, which installs the Express peer', found: () => onPath('npm') },
];

/** Installs what is missing where that is possible, and says what is missing where it is not. */
export async function requireTools() {
  if (Number(process.versions.node.split('.')[0]) < 20) throw new Error('Missing: Node.js 20 or newer.');
  if (!onPath('cargo')) throw new Error('Missing: a Rust toolchain; install it as https://rustup.rs says.');
  let missing = TOOLS.filter((tool) => !tool.found());
  const isRoot = process.getuid() === 0;
  if (missing.length > 0 && onPath('apt-get') && (isRoot || onPath('sudo'))) {
    await install(missing.map((tool) => tool.package), isRoot ? [] : ['sudo']);
    missing = TOOLS.filter((tool) => !tool.found());
  }
  if (missing.length > 0) {
    const lines = missing.map((tool) => `Missing: ${tool.what}; on Debian, install it with: apt-get install ${tool.package}.`);
    throw new Error(lines.join('\n'));
  }
}

/** Only the programs are needed: Debian shall start no cluster and no service of its own. */
async function install(packages, sudo) {
  const clusters = '/etc/postgresql-common/createcluster.d/keyrack-bench.conf';
  const script = `mkdir -p ${path.dirname(clusters)} && echo 'create_main_cluster = false' >${clusters}
    apt-get update -q && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qy --no-install-recommends "$@"
    status=$?; rm -f ${clusters}; exit $status`;
  const [command, ...args] = [...sudo, 'sh', '-c', script, 'sh', ...packages];
  await run(command, args, { show: true });
}

/** Builds Keyrack and every peer as they would be released. */
export async function build() {
  const cargo = ['build', '--release', '--locked', '--quiet'];
  await run('cargo', [...cargo, '--bin', 'keyrack'], { cwd: ROOT, show: true });
  await run('cargo', cargo, { cwd: PEERS, show: true });
  const express = path.join(PEERS, 'express');
  await run('npm', ['ci', '--no-audit', '--no-fund', '--silent'], { cwd: express, show: true });
}

/** The program that cargo has built. */
export function keyrackBinary() {
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), 'release/keyrack');
}

export function peerBinary(name) {
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(PEERS, 'target'), 'release', name);
}

/** A program of PostgreSQL: on the PATH, or where Debian keeps them. */
export function postgresBinary(name) {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => b - a) : [];
  const found = versions.map((version) => `${debian}/${version}/bin/${name}`).find(isProgram);
  return found ?? onPath(name);
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
