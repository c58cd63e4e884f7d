// Ports, requests, and waiting for a server.

import http from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 30_000;

/** A free port of 127.0.0.1. */
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

/** Repeats `attempt` until it succeeds. Fails when the process ends or the timeout passes. */
export async function retry(attempt, child, name, pause = 50) {
  const started = Date.now();
  let over = null;
  child.ended.then((status) => (over = String(status)));
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (over !== null) throw new Error(`${name} ended early (${over}):\n${child.output()}`);
      if (Date.now() - started > START_TIMEOUT_MS) {
        throw new Error(`${name} does not answer: ${error.message}\n${child.output()}`);
      }
      await sleep(pause);
    }
  }
}

/** Sends one request. Resolves with status, headers and body. */
export function request(port, { method = 'GET', path, headers = {}, body, agent }) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({
        status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString(),
      }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
