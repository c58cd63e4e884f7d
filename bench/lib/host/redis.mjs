// A Redis of the benchmark's own, with nothing kept on disk.

import { connect } from 'node:net';
import { freePort, patiently } from './network.mjs';
import { start } from './processes.mjs';

export class Redis {
  static async start(folder) {
    const port = await freePort();
    const settings = ['--bind', '127.0.0.1', '--port', port, '--dir', folder, '--save', '', '--appendonly', 'no'];
    const child = start('redis-server', settings, { cwd: folder });
    const server = new Redis(child, port);
    await patiently(() => server.size(), child, 'Redis');
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

  /** How many keys there are. */
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
