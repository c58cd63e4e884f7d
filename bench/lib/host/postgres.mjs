// A PostgreSQL server for one benchmark: durable (PostgreSQL's defaults for fsync and synchronous_commit), with a
// quarter of the machine's memory as its buffers, as PostgreSQL's manual recommends.

import { chmodSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run, start } from './processes.mjs';
import { ROOT, postgresBinary } from './requirements.mjs';

const SCRIPT = path.join(ROOT, 'scripts/postgres');

export class Postgres {
  /** Starts a server that keeps its files in the subfolder `postgres` of `folder`. */
  static async start(folder, settings = { shared_buffers: `${Math.floor(os.totalmem() / 4 / 2 ** 20)}MB` }) {
    chmodSync(folder, 0o711); // started by root, the server runs as another user, who has to reach its subfolder
    const files = path.join(folder, 'postgres');
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const { KEYRACK_TEST_POSTGRES_BIN } = process.env;
    const env = KEYRACK_TEST_POSTGRES_BIN ? { KEYRACK_TEST_POSTGRES_BIN } : {};
    const child = start(SCRIPT, ['--folder', files, ...options], { env });
    const url = await firstLine(child);
    return new Postgres(child, new URL(url).port, path.join(files, 'data'));
  }

  constructor(child, port, data) {
    Object.assign(this, { child, port, data });
    /** The main process: its descendants are the server's. */
    this.pid = Number(readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  url(database) {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs each statement by itself, and returns what they print: one line per row, columns separated by bars. */
  async sql(database, statements) {
    const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', this.url(database), '-f', '-'];
    return (await run(postgresBinary('psql'), args, { input: statements })).trim();
  }

  async number(database, query) {
    return Number(await this.sql(database, query));
  }

  async create(database) {
    await this.sql('postgres', `CREATE DATABASE ${database}`);
  }

  async drop(database) {
    await this.sql('postgres', `DROP DATABASE ${database} WITH (FORCE)`);
  }

  async version() {
    return (await this.sql('postgres', 'SHOW server_version')).split(' ')[0];
  }
}

/** Waits for the URL that the script prints once the server accepts connections. */
function firstLine(child) {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.trim());
    });
    child.ended.then(() => reject(new Error(`PostgreSQL did not start:\n${child.output()}`)));
  });
}
