// A Redis for one benchmark, without persistence.

import { connect } from 'node:net';
import { freePort, retry } from './network.mjs';
import { start } from './processes.mjs';

export class Redis {
  static async start(folder) {
    const port = await freePort();
    const settings = ['--bind', '127.0.0.1', '--port', port, '--dir', folder, '--save', '', '--appendonly', 'no'];
    const child = start('redis-server', settings, { cwd: folder });
    const server = new Redis(child, port);
    await retry(() => server.size(), child, 'Redis');
    return server;
  }

  constructor(child, port) {
    this.child = child;
    this.pid = child.pid;
    this.port = port;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Returns the number of keys. */
  size() {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('DBSIZE\r\n'));
      socket.once('error', reject);
      socket.once('data', (answer) => {
        socket.destroy();
        const size = Number(answer.toString().slice(1));
        if (Number.isFinite(size)) resolve(size);
        else reject(new Error(`Redis: ${answer}`));
      });
    });
  }
}
