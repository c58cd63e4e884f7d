// The mail server of the tests, which the integration tests use as well: tests/mail-server/.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../tests/mail-server', import.meta.url));

/** A mail server that accepts every mail. */
export class MailServer {
  static async start() {
    if (!existsSync(join(ROOT, 'node_modules/smtp-server'))) throw new Error('run `npm ci` in tests/mail-server/');
    const folder = await mkdtemp(join(tmpdir(), 'keyrack-mails-'));
    const file = join(folder, 'accepted');
    writeFileSync(file, '');
    const server = spawn('node', ['server.mjs'], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, OPTIONS: JSON.stringify({ file }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const stop = () => {
      server.kill();
      rmSync(folder, { recursive: true, force: true });
    };
    process.once('exit', stop);
    for await (const line of createInterface({ input: server.stdout })) {
      const [, port] = line.match(/^listening on 127\.0\.0\.1:(\d+)$/) ?? [];
      if (port) return new MailServer(port, file, stop);
    }
    throw new Error('the mail server did not start');
  }

  #file;
  #stop;

  constructor(port, file, stop) {
    /** What Keyrack is started with to send its mails there. */
    this.settings = { KEYRACK_SMTP_URL: `smtp://127.0.0.1:${port}`, KEYRACK_MAIL_FROM: 'keyrack@example.com' };
    this.#file = file;
    this.#stop = stop;
  }

  /** All mails that it has accepted. */
  all() {
    return readFileSync(this.#file, 'utf8').split('\n').slice(0, -1).map((line) => new Mail(JSON.parse(line)));
  }

  /** The mail whose text has this part, once it is there. */
  async mail(part, timeout = 30_000) {
    const end = Date.now() + timeout;
    for (;;) {
      const mails = this.all();
      const found = mails.find((mail) => mail.text.includes(part));
      if (found) return found;
      if (Date.now() > end) throw new Error(`no mail with ${part}: ${mails.map((mail) => mail.text).join('\n')}`);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }

  stop() {
    process.off('exit', this.#stop);
    this.#stop();
  }
}

class Mail {
  constructor({ to, content }) {
    this.to = to;
    /** Without the line breaks and escapes of quoted-printable text. */
    this.text = Buffer.from(
      content.replaceAll('=\r\n', '').replaceAll('\r\n', '\n').replace(/=([0-9A-F]{2})/g, (_, hex) =>
        String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ).toString('utf8');
  }

  /** The path and the query of its link. */
  get link() {
    const { pathname, search } = new URL(this.text.match(/https?:\/\/[^\s"<]+\?token=[\w-]+/)[0]);
    return `${pathname}${search}`;
  }

  /** Its HTML part. */
  get html() {
    return this.text.slice(this.text.indexOf('<!DOCTYPE html>'), this.text.indexOf('</html>') + '</html>'.length);
  }
}
