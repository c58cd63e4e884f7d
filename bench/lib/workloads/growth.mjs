// growth: the same load on more and more stored sessions.

import path from 'node:path';
import { measure, warmUp } from '../load/measurement.mjs';
import { save } from '../load/requests.mjs';

export const NAME = 'growth';
const SIZES = [1_000, 100_000, 1_000_000];
const LONG_SIZE = 10_000_000;

export async function run({ host, systems, options, measured, say }) {
  const sizes = options.long ? [...SIZES, LONG_SIZE] : SIZES;
  for (const system of systems.filter(({ isKeyrack }) => isKeyrack)) {
    const all = [];
    for (const size of sizes) {
      say(`${system.name}: filling ${size.toLocaleString('en')} sessions`);
      const one = system.another(`_${size}`);
      await one.prepare(size);
      all.push({ size, one, file: save(path.join(host.folder, `${system.name}.${size}`), one.session()) });
    }
    for (let round = 1; round <= options.rounds; round++) {
      for (const { size, one, file } of all) {
        await one.settle();
        const server = await one.start();
        await warmUp(server, file);
        const key = { workload: `growth/${size}`, system: system.name, round };
        const found = await measured(key, () => measure(host, one, server, { file, seconds: options.seconds }));
        if (found) say(`round ${round}, ${system.name}, ${size.toLocaleString('en')} sessions: ${Math.round(found.rps)} per second`);
        await server.stop();
      }
    }
    for (const { one } of all) await one.drop();
  }
}
