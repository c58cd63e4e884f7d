// bench/enumeration: whether the time or the bytes of a failed sign-in tell which accounts exist, and in which state.

import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { benchmark, say, usageError } from './host/benchmark.mjs';
import { Postgres } from './host/postgres.mjs';
import { shuffle } from './load/visitor.mjs';
import { differenceOfMeans, differenceOfMedians, mean, median } from './report/bootstrap.mjs';
import { table } from './report/text.mjs';
import { HASHES } from './systems/keyrack.mjs';
import { SECRET, parseSignInOptions, withSignInServer } from './systems/sign-in-server.mjs';
import { PASSWORD } from './systems/system.mjs';

/** The difference that is accepted, as a part of the time. */
const TOLERANCE = 0.05;

const HELP = `bench/enumeration [PROGRAM]: whether failed sign-ins, or requests at /forgot and /register, tell which accounts exist.

Sends failed sign-ins of every kind in random order, one at a time, each for another account and from another network,
so that nothing is throttled but what is meant to be. Compares the time and the bytes of the answers with those of a
wrong password for an account that exists; those of refused sign-ins (429) with the first refusal of an account that
exists. PROGRAM is by default the release build. Run nothing else on the machine meanwhile.

  --samples N       sign-ins of each kind (default 200)
  --database NAME   sqlite or postgres (default sqlite)
  --only NAME       only this scenario: equal, raised, mixed, imported, moving, forgot or register
  --help            this text

The CPU is what the server's threads spend on each sign-in, which other programs hardly disturb. The exit status is 1 if
bytes differ, or if a time or a CPU surely differs by more than ${100 * TOLERANCE} per cent. The CPU of refused sign-ins is not
judged: an existing account's is stored after the answer, which a client doesn't see.
`;

const WARM_UP = 40;
const WRONG = 'not the password of the benchmark';
const LONG_AGO = '2026-01-01T00:00:00.000000Z';
/** How long the server has, after a refusal, to store its event, so that no other sign-in is measured with it. */
const STORING_MS = 150;

/** The stored hashes' cost, and a higher one. */
const COST = 'm=19456,t=2,p=1';
const RAISED_COST = 'm=19456,t=3,p=1';
const [CHEAP_HASH, HASH] = HASHES;
/** A hash of PASSWORD by npm's bcrypt 6.0.0 with its default cost. */
const BCRYPT_HASH = '$2b$10$sudw8rVPb.Y7IInPtQlyp.PJiSIgqbVLt0AwD1vB5sHSGrEvFV5jq';

/** The kinds of accounts that a mail can be asked for. */
const REQUESTED = ['known', 'unknown', 'disabled', 'passwordless'];

/** A server's cost, and the hash of the n-th account. In the mixed one, a quarter of the accounts has an older cost. */
const SCENARIOS = {
  equal: {
    cost: COST, hash: () => HASH, compare: differenceOfMedians, middle: median,
    says: 'all hashes have the cost of the settings',
  },
  raised: {
    cost: RAISED_COST, hash: () => HASH, compare: differenceOfMedians, middle: median,
    says: 'the cost was raised, and no hash has it yet',
  },
  mixed: {
    cost: COST, hash: (n) => (n % 4 === 0 ? CHEAP_HASH : HASH), compare: differenceOfMeans, middle: mean,
    says: 'a quarter of the hashes has a lower cost; means instead of medians',
  },
  imported: {
    cost: COST, hash: () => BCRYPT_HASH, compare: differenceOfMedians, middle: median,
    says: 'all hashes were imported from a program with bcrypt',
  },
  moving: {
    cost: COST, hash: (n) => (n % 4 === 0 ? HASH : BCRYPT_HASH), compare: differenceOfMeans, middle: mean,
    says: 'a quarter of the imported hashes has been replaced; means instead of medians',
  },
  forgot: {
    cost: COST, hash: () => HASH, compare: differenceOfMedians, middle: median,
    says: 'requests at /forgot for a link that sets a new password',
    kinds: REQUESTED,
    send: (visitor, email, number) => visitor.send('/forgot', { email }, number),
    // No mail is sent: there is no server at this port.
    settings: { KEYRACK_SMTP_URL: 'smtp://127.0.0.1:9', KEYRACK_MAIL_FROM: 'keyrack@example.com' },
    // The mail is queued after the answer.
    pauses: true,
  },
  register: {
    cost: COST, hash: () => HASH, compare: differenceOfMedians, middle: median,
    says: 'requests at /register for an account',
    kinds: REQUESTED,
    send: (visitor, email, number) => visitor.send('/register', { email }, number),
    settings: {
      KEYRACK_REGISTRATION: 'open', KEYRACK_SMTP_URL: 'smtp://127.0.0.1:9', KEYRACK_MAIL_FROM: 'keyrack@example.com',
    },
    pauses: true,
  },
};

/** The kinds of failed sign-ins. `known` is what the others are compared with. */
const KINDS = {
  known: { says: 'known address, wrong password', requested: 'known address' },
  unknown: { says: 'unknown address', exists: false },
  malformed: { says: 'text that is no address', exists: false, address: (name) => `${name}-is-no-address` },
  disabled: { says: 'disabled account, right password', requested: 'disabled account', password: PASSWORD },
  passwordless: { says: 'account without a password' },
  unused: { says: 'one-time password not used yet, wrong password' },
  used: { says: 'one-time password used, wrong password' },
  told: { says: 'one-time password used, right password', password: PASSWORD, mayDiffer: true },
  refused: { says: 'known address, first refusal', isRefused: true, comparedWith: 'refused' },
  refusedunknown: { says: 'unknown address, refused', exists: false, isRefused: true, comparedWith: 'refused' },
};

function parse(args) {
  const options = parseSignInOptions(args, HELP, 200, { only: { type: 'string' } });
  if (options.only !== undefined && !(options.only in SCENARIOS)) throw usageError(HELP);
  return { ...options, scenarios: options.only ? [options.only] : Object.keys(SCENARIOS) };
}

/** The bucket in which Keyrack counts the failures of a text that names no user (`accounts/failure_keys.rs`). */
function bucketOf(text) {
  const key = createHmac('sha256', SECRET).update('keyrack sign-in failures').digest();
  const hash = createHmac('sha256', key).update(`unknown\0${text}`).digest();
  return Number(hash.readBigUInt64BE(0) % (1n << 20n));
}

/**
 * The n-th name of a kind. Refused unknown addresses must not share a bucket with those that are checked, so a letter is
 * added where one would.
 */
const nameOf = (kind, n) => `${kind}${String(n).padStart(5, '0')}${SUFFIXES.get(`${kind} ${n}`) ?? ''}`;
const SUFFIXES = new Map();

function separateBuckets(count) {
  const bucketsOf = (kind) => Array.from({ length: count }, (_, n) => bucketOf(addressOf(kind, n)));
  const taken = new Set([...bucketsOf('unknown'), ...bucketsOf('malformed')]);
  for (let n = 0; n < count; n += 1) {
    while (taken.has(bucketOf(addressOf('refusedunknown', n)))) {
      SUFFIXES.set(`refusedunknown ${n}`, `${SUFFIXES.get(`refusedunknown ${n}`) ?? ''}x`);
    }
  }
}

function addressOf(kind, n) {
  const { address = (name) => `${name}@example.com` } = KINDS[kind];
  return address(nameOf(kind, n));
}

/** Creates the accounts of all kinds, each in its state. */
async function fill(tables, count, hash) {
  const kinds = Object.entries(KINDS).filter(([, { exists = true }]) => exists).map(([kind]) => kind);
  const rows = kinds.flatMap((kind) => Array.from({ length: count }, (_, n) => (
    `('${addressOf(kind, n)}', ${kind === 'passwordless' ? 'NULL' : `'${hash(n)}'`}, '${LONG_AGO}')`)));
  const of = (kind) => `email LIKE '${kind}%'`;
  await tables.sql(`INSERT INTO users (email, password_hash, password_changed_at) VALUES ${rows.join(', ')};
    UPDATE users SET disabled_at = '${LONG_AGO}' WHERE ${of('disabled')};
    INSERT INTO one_time_passwords (user_id, password_changed_at) SELECT id, password_changed_at FROM users
      WHERE ${of('unused')} OR ${of('used')} OR ${of('told')};
    UPDATE one_time_passwords SET used_at = '${LONG_AGO}'
      WHERE user_id IN (SELECT id FROM users WHERE ${of('used')} OR ${of('told')});`);
  const ofUnknown = Array.from({ length: count }, (_, n) => bucketOf(addressOf('refusedunknown', n)));
  const unknownRows = [...new Set(ofUnknown)]
    .map((bucket) => `('unknown:${bucket}', 100, '${LONG_AGO}', '${LONG_AGO}')`).join(', ');
  await tables.sql(`INSERT INTO sign_in_failures (key, in_a_row, last_failure_at, forgotten_at) VALUES ${unknownRows};
    INSERT INTO sign_in_failures (key, in_a_row, last_failure_at, forgotten_at)
      SELECT 'account:' || id, 100, password_changed_at, password_changed_at FROM users WHERE email LIKE 'refused%';`);
}

/** Sends one sign-in. Returns its times, and the answer without what differs in any two answers. */
async function signIn(visitor, scenario, kind, n, number) {
  const email = addressOf(kind, n);
  const sent = scenario.send?.(visitor, email, number) ?? visitor.signIn(email, KINDS[kind].password ?? WRONG, number);
  const { answer, milliseconds, cpu } = await sent;
  const { date: _date, 'content-length': _length, 'x-request-id': _id, ...rest } = answer.headers;
  const text = answer.body.replaceAll(/name="csrf_token" value="[^"]+"/g, 'TOKEN').replaceAll(email, 'ADDRESS');
  return { milliseconds, cpu, answer: JSON.stringify([answer.status, rest, text]) };
}

/** Measures one scenario on a database of its own. Returns the samples and the distinct answers of each kind. */
function measure(name, { program, samples }, folder, postgres) {
  const { cost, hash, settings } = SCENARIOS[name];
  separateBuckets(samples + WARM_UP);
  const fillAll = (tables) => fill(tables, samples + WARM_UP, hash);
  const server = { program, folder, name: `enumeration_${name}`, cost, postgres, fill: fillAll, settings };
  return withSignInServer(server, (visitor) => signInAsAll(visitor, name, samples));
}

async function signInAsAll(visitor, name, samples) {
  const scenario = SCENARIOS[name];
  const kinds = scenario.kinds ?? Object.keys(KINDS);
  const found = Object.fromEntries(kinds.map((kind) => [kind, { times: [], work: [], answers: new Set() }]));
  let number = 0;
  for (let n = 0; n < samples + WARM_UP; n += 1) {
    for (const kind of shuffle([...kinds])) {
      const { milliseconds, cpu, answer } = await signIn(visitor, scenario, kind, n, number);
      number += 1;
      if (scenario.pauses || KINDS[kind].isRefused) await pause(STORING_MS);
      if (n < WARM_UP) continue;
      found[kind].times.push(milliseconds);
      found[kind].work.push(cpu);
      found[kind].answers.add(answer);
    }
    if (n % 100 === 99) say(`${name}: ${n + 1} of ${samples + WARM_UP}`);
  }
  return found;
}

/** Prints a scenario, and notes what can be told apart. */
function report(name, found) {
  const { compare, middle, says: about, send } = SCENARIOS[name];
  const isRequest = send !== undefined;
  const percent = (value) => `${value >= 0 ? '+' : '−'}${Math.abs(100 * value).toFixed(1)} %`;
  const cells = (values, others, isJudged = true) => {
    const { difference, low, high } = compare(values, others);
    if (isJudged && (low > TOLERANCE || high < -TOLERANCE)) process.exitCode = 1;
    return [middle(values).toFixed(2), percent(difference), `${percent(low)} to ${percent(high)}`];
  };
  const rows = Object.entries(found).map(([kind, { times, work, answers }]) => {
    const { mayDiffer = false, isRefused = false, comparedWith = 'known', requested } = KINDS[kind];
    const says = isRequest && requested ? requested : KINDS[kind].says;
    const others = found[comparedWith];
    const [expected] = others.answers;
    const isSame = answers.size === 1 && answers.has(expected);
    if (!isSame && !mayDiffer) process.exitCode = 1;
    return [
      says, ...cells(times, others.times), ...cells(work, others.work, !isRefused),
      isSame ? 'the same' : mayDiffer ? 'its own message' : 'DIFFERENT',
    ];
  });
  console.log(`\n${name}: ${about}\n`);
  const middleName = middle === median ? 'median' : 'mean';
  const columns = (what) => [`${what}, ${middleName} ms`, 'difference', '95 % interval'];
  console.log(table([isRequest ? 'request for' : 'sign-in', ...columns('time'), ...columns('CPU'), 'answer'], rows));
}

await benchmark(async (makeFolder) => {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  const folder = makeFolder();
  const postgres = options.database === 'postgres' ? await Postgres.start(folder) : undefined;
  for (const name of options.scenarios) report(name, await measure(name, options, folder, postgres));
  console.log(`\n${options.samples} of each kind, in random order, on ${options.database}.`);
  console.log('Differences are from the first row; those of refused sign-ins, from the known address.');
});
