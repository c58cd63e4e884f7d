// Ports, and waiting for somebody to answer at one.

import http from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 30_000;

/** A port of 127.0.0.1 that nobody uses. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Tries until it works, as long as the process is alive. */
export async function patiently(attempt, child, name, pause = 50) {
  const started = Date.now();
  let over = null;
  child.ended.then((status) => (over = String(status)));
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (over !== null) throw new Error(`${name} ended (${over}):\n${child.output()}`);
      if (Date.now() - started > PATIENCE_MS) throw new Error(`${name} does not answer: ${error.message}\n${child.output()}`);
      await sleep(pause);
    }
  }
}

/** One request. Resolves with status, headers and body. */
export function ask(port, { method = 'GET', path, headers = {}, body, agent }) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({
        status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString(),
      }));
    });
    request.on('error', reject);
    request.end(body);
  });
}
