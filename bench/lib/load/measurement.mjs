// A measurement: one load on one server, and the CPU that the app and its database spent.

import { cpuOf } from '../host/proc.mjs';
import { load } from './wrk.mjs';

/** Returns requests per second, latencies in ms, and CPU per request in µs: of the app, and of its database or null. */
export async function measure(host, system, server, load_) {
  const side = system.database ? host[system.database].pid : null;
  const spent = () => ({ app: cpuOf(server.pid), database: side ? cpuOf(side) : 0 });
  const before = spent();
  const found = await load({ port: server.port, ...load_ }).catch((error) => {
    throw new Error(`${system.name}: ${error.message}\n${server.child.output()}`);
  });
  const after = spent();
  return {
    ...found,
    appCpu: (after.app - before.app) / found.requests,
    dbCpu: side ? (after.database - before.database) / found.requests : null,
    cpu: (after.app - before.app + after.database - before.database) / found.requests,
  };
}

/** Sends an unmeasured load for a second, which fills caches and opens connections. */
export async function warmUp(server, file) {
  await load({ port: server.port, file, seconds: 1 });
}
