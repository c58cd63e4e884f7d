// bench/imported-hashes: what a sign-in costs with a hash of another program, and the next one with its replacement.

import { readFileSync } from 'node:fs';
import { benchmark, say } from './host/benchmark.mjs';
import { Postgres } from './host/postgres.mjs';
import { shuffle } from './load/visitor.mjs';
import { median } from './report/bootstrap.mjs';
import { table } from './report/text.mjs';
import { HASHES, REAL_HASH } from './systems/keyrack.mjs';
import { parseSignInOptions, withSignInServer } from './systems/sign-in-server.mjs';
import { PASSWORD } from './systems/system.mjs';

const HELP = `bench/imported-hashes [PROGRAM]: sign-ins with hashes of other programs, beside those with Keyrack's own.

Each account signs in twice: with the hash that its former program made at its default cost, and with the one that
Keyrack has stored in its place. All kinds of accounts take turns in random order. PROGRAM is by default the release build.

  --samples N       accounts of each kind (default 50)
  --database NAME   sqlite or postgres (default sqlite)
  --help            this text
`;

const WARM_UP = 5;
const LONG_AGO = '2026-01-01T00:00:00.000000Z';

/** Kinds of accounts: the row in tests/data/password-hashes.tsv whose hash they have. */
const KINDS = {
  own: { says: `Keyrack's own, ${REAL_HASH}`, hash: HASHES[1] },
  bcrypt: { says: 'npm bcrypt, cost 10', row: 'npm bcrypt 6.0.0, cost 10' },
  betterauth: { says: 'Better Auth, scrypt', row: 'npm better-auth 1.7.25' },
  node: { says: 'Node.js, scrypt', row: 'Node.js 20.20.2 scrypt, salt as text' },
  django: { says: 'Django, PBKDF2 with 1,000,000 rounds', row: 'Django 5.2.19 PBKDF2PasswordHasher, defaults' },
};

/** The hash of PASSWORD in a row of the test data. */
function hashOf({ hash, row }) {
  if (hash) return hash;
  const lines = readFileSync(new URL('../../tests/data/password-hashes.tsv', import.meta.url), 'utf8').split('\n');
  const found = lines.map((line) => line.split('\t'))
    .find(([name, password]) => name === row && JSON.parse(password) === PASSWORD);
  return found[2];
}

const addressOf = (kind, n) => `${kind}${n}@example.com`;

async function fill(tables, count) {
  const rows = Object.entries(KINDS).flatMap(([kind, one]) => {
    const hash = hashOf(one);
    return Array.from({ length: count }, (_, n) => `('${addressOf(kind, n)}', '${hash}', '${LONG_AGO}')`);
  });
  await tables.sql(`INSERT INTO users (email, password_hash, password_changed_at) VALUES ${rows.join(', ')};`);
}

/** Returns the milliseconds and the CPU of each kind's first and second sign-ins. */
async function measure(visitor, samples) {
  const found = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, [[], []]]));
  let network = 0;
  for (let n = 0; n < samples + WARM_UP; n += 1) {
    for (const round of [0, 1]) {
      for (const kind of shuffle(Object.keys(KINDS))) {
        const { answer, milliseconds, cpu } = await visitor.signIn(addressOf(kind, n), PASSWORD, network += 1);
        if (answer.status !== 303) throw new Error(`a sign-in of ${kind} was answered with ${answer.status}`);
        if (n >= WARM_UP) found[kind][round].push({ milliseconds, cpu });
      }
    }
    if (n % 20 === 19) say(`${n + 1} of ${samples + WARM_UP}`);
  }
  return found;
}

function report(found) {
  const middle = (values, of) => median(values.map((value) => value[of]));
  const [own] = found.own;
  const rows = Object.entries(found).map(([kind, rounds]) => [
    KINDS[kind].says,
    ...rounds.flatMap((values) => [
      middle(values, 'milliseconds').toFixed(1), middle(values, 'cpu').toFixed(1),
      `${(middle(values, 'cpu') / middle(own, 'cpu')).toFixed(2)}×`,
    ]),
  ]);
  const columns = (which) => [`${which}, ms`, 'CPU ms', 'CPU : own'];
  console.log(table(['hash', ...columns('first sign-in'), ...columns('next sign-in')], rows));
}

await benchmark(async (makeFolder) => {
  const options = parseSignInOptions(process.argv.slice(2), HELP, 50);
  if (options.help) return console.log(HELP);
  const { program, samples, database } = options;
  const folder = makeFolder();
  const postgres = database === 'postgres' ? await Postgres.start(folder) : undefined;
  const server = {
    program, folder, name: 'imported_hashes', cost: REAL_HASH, postgres,
    fill: (tables) => fill(tables, samples + WARM_UP),
  };
  report(await withSignInServer(server, (visitor) => measure(visitor, samples)));
  console.log(`\nMedians of ${samples} accounts of each kind, in random order, on ${database}.`);
});
