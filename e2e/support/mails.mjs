// A real mail server for a test, and what it has got.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('../../tests/mail-server/server.mjs', import.meta.url));

export class Mails {
  #process;
  #folder;
  #file;

  /** Starts a mail server, and the program again with its address. */
  static async start(keyrack, settings = {}) {
    const mails = new Mails();
    mails.#folder = await mkdtemp(join(tmpdir(), 'keyrack-mails-'));
    mails.#file = join(mails.#folder, 'accepted');
    await writeFile(mails.#file, '');
    mails.#process = spawn(process.execPath, [SERVER], {
      env: { PATH: process.env.PATH, OPTIONS: JSON.stringify({ file: mails.#file }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface({ input: mails.#process.stdout }), 'line');
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(line)[1];
    await keyrack.restart({
      KEYRACK_SMTP_URL: `smtp://127.0.0.1:${port}`,
      KEYRACK_MAIL_FROM: 'keyrack@example.com',
      ...settings,
    });
    return mails;
  }

  /** The latest mail to this address whose text matches, without the escapes of quoted-printable text. */
  async find(to, pattern) {
    const deadline = Date.now() + 30_000;
    while (Date.now() < deadline) {
      const lines = (await readFile(this.#file, 'utf8')).split('\n').slice(0, -1);
      const mails = lines.map((line) => JSON.parse(line)).filter((mail) => mail.to[0] === to);
      const texts = mails.map((mail) => mail.content.replaceAll('=\r\n', '').replaceAll('=3D', '='));
      const found = texts.findLast((text) => pattern.test(text));
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail(`no mail to ${to} matches ${pattern}`);
  }

  /** The path of the link in the latest mail to this address that leads to this page. */
  async link(to, page) {
    const pattern = new RegExp(`https?://[^/\\s]+(${page}\\?token=[\\w-]+)`);
    return pattern.exec(await this.find(to, pattern))[1];
  }

  async stop() {
    this.#process.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
