// device-page: the device list of users with 6 devices, with and without a long history, beside `/api/session`.

import path from 'node:path';
import { measure, warmUp } from '../load/measurement.mjs';
import { save } from '../load/requests.mjs';

export const NAME = 'device-page';
const USERS = 10;
const ENDED_SESSIONS = 10_000;

export async function run({ host, systems, options, measured, say }) {
  for (const system of systems.filter(({ isKeyrack }) => isKeyrack).map((one) => one.another('_devices'))) {
    say(`${system.name}: filling users with ${ENDED_SESSIONS.toLocaleString('en')} ended sessions`);
    await system.prepare(options.sessions);
    const files = {};
    const pages = {
      session: system.session(),
      short: await system.devicePage(USERS, 0),
      long: await system.devicePage(USERS, ENDED_SESSIONS),
    };
    for (const [name, requests] of Object.entries(pages)) {
      files[name] = save(path.join(host.folder, `${system.name}.${name}`), requests);
    }
    for (let round = 1; round <= options.rounds; round++) {
      await system.settle();
      const server = await system.start();
      await warmUp(server, files.session);
      for (const name of ['session', 'short', 'long']) {
        const key = { workload: `device-page/${name}`, system: system.name, round };
        const found = await measured(key, () => measure(host, system, server, { file: files[name], seconds: options.seconds }));
        if (found) say(`round ${round}, ${system.name}, device page, ${name}: ${Math.round(found.rps)} per second`);
      }
      await server.stop();
    }
    await system.drop();
  }
}
