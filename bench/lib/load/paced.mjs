// Requests at an even pace, for what a latency is when the machine is not full.
//
// wrk sends the next request as soon as a connection has its answer: both cores are busy, and whatever else the server
// does shows as a wait for a core. Here a request is sent each few milliseconds, whether the ones before it were answered
// or not, so that a pause of the server is seen by every request that falls into it. A thread of its own sends them, so
// that the benchmark's other work is no latency of theirs.

import { readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

/** Requests per second. */
export const PACE = 200;
/** A request that takes longer counts as refused. */
const TIMEOUT_MS = 5000;

/** Sends the requests of a file in turn, `PACE` a second. Returns latencies in milliseconds, and how many were refused. */
export async function pacedLoad({ port, file, seconds }) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { port, file, seconds } });
  const answers = await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const times = answers.map(({ ms }) => ms).sort((one, other) => one - other);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { requests: times.length, bad: answers.filter(({ ok }) => !ok).length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Keep-alive connections that wait for no answer. */
const idle = [];

function connection(port) {
  return idle.pop() ?? net.connect({ host: '127.0.0.1', port, noDelay: true });
}

function send(port, text) {
  return new Promise((resolve) => {
    const socket = connection(port);
    const started = performance.now();
    const done = (ok) => {
      socket.removeAllListeners();
      socket.on('error', () => {});
      if (ok) idle.push(socket);
      else socket.destroy();
      resolve({ ms: performance.now() - started, ok });
    };
    // The answers are shorter than a packet.
    socket.once('data', (answer) => done(answer.subarray(0, 12).toString() === 'HTTP/1.1 200'));
    for (const event of ['error', 'close', 'timeout']) socket.once(event, () => done(false));
    socket.setTimeout(TIMEOUT_MS);
    socket.write(text);
  });
}

if (!isMainThread && workerData?.file) {
  const { port, file, seconds } = workerData;
  const requests = readFileSync(file, 'utf8').split('\0');
  const started = performance.now();
  const answers = [];
  for (let sent = 0; sent < seconds * PACE; sent++) {
    const early = started + (sent * 1000) / PACE - performance.now();
    if (early > 0) await sleep(early);
    answers.push(send(port, requests[sent % requests.length]));
  }
  const found = await Promise.all(answers);
  for (const socket of idle) socket.destroy();
  parentPort.postMessage(found);
}
