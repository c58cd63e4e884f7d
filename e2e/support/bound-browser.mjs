// A Chromium that binds sessions, and a proxy in front of Keyrack that shows what it sends.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

import { Device, EXECUTABLE } from './browser.mjs';
import { Keyrack } from './keyrack.mjs';

/** There is no hardware for keys on a server: Chromium makes them in software, for tests. */
const FEATURES = ['DeviceBoundSessions', 'PersistDeviceBoundSessions', 'EnableBoundSessionCredentialsSoftwareKeysForManualTesting'];

/** Starts Keyrack behind a proxy on `localhost`, where browsers bind sessions as they do over https. */
export async function startBehindProxy(engine) {
  const proxy = { requests: [], isRefreshDown: false };
  const server = createServer((incoming, response) => {
    const { method, headers, url } = incoming;
    proxy.requests.push({ url, method, skipped: headers['secure-session-skipped'] });
    if (proxy.isRefreshDown && url === '/session/refresh') {
      response.writeHead(503, { 'retry-after': '1' });
      response.end();
      return;
    }
    const passed = request(new URL(url, proxy.target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    response.on('close', () => passed.destroy());
    passed.on('error', () => response.destroy());
    incoming.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.url = `http://localhost:${server.address().port}`;
  const keyrack = await Keyrack.start(engine, { KEYRACK_PUBLIC_URL: proxy.url, KEYRACK_BOUND_SESSIONS: 'auto' });
  proxy.target = keyrack.url;
  proxy.refreshes = () => proxy.requests.filter(({ url }) => url === '/session/refresh').length;
  proxy.stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await keyrack.stop();
  };
  return { keyrack, proxy };
}

/** Starts a browser with a profile of its own, which keeps keys. */
export async function launchWithKeys(url, profile) {
  profile ??= await mkdtemp(join(tmpdir(), 'keyrack-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    headless: true,
    chromiumSandbox: process.getuid() !== 0,
    baseURL: url,
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', `--enable-features=${FEATURES.join(',')}`],
  });
  const device = new Device(context, url);
  [device.page] = context.pages();
  device.restart = async () => {
    await context.close();
    return launchWithKeys(url, profile);
  };
  device.stop = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return device;
}
