// The visitor of bench/floods: one request after the other, each on a connection of its own. It runs in a thread of its
// own, so that the work of the flood does not count as the server's latency.

import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

const VISITOR = '127.0.200.1';
/** A request that takes longer has failed. */
export const VISITOR_TIMEOUT_MS = 5000;

/** The milliseconds of one request; the timeout if it fails. */
function visit(port) {
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = net.connect({ host: '127.0.0.1', port, localAddress: VISITOR, timeout: VISITOR_TIMEOUT_MS });
    const done = (milliseconds) => {
      socket.destroy();
      resolve(milliseconds);
    };
    socket.once('data', () => done(performance.now() - began));
    for (const event of ['error', 'timeout', 'end']) socket.once(event, () => done(VISITOR_TIMEOUT_MS));
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  });
}

if (!isMainThread) {
  const { port, milliseconds } = workerData;
  const until = performance.now() + milliseconds;
  const found = [];
  while (performance.now() < until) {
    found.push(await visit(port));
    await sleep(5);
  }
  parentPort.postMessage(found);
}
