// The options of bench/run.

import { usageError } from './host/benchmark.mjs';

export const WORKLOADS = ['session', 'sign-in', 'sign-out', 'device-page', 'sign-in-hashed', 'purge', 'growth'];

export const HELP = `bench/run: measures Keyrack against the alternatives.

  --rounds N          how often each measurement is repeated, with the systems taking turns (default 3)
  --seconds S         how long each lasts (default 4)
  --sessions N        how many sessions each system holds (default 100000)
  --only NAME,NAME    only these systems (names that begin so: "keyrack" is both of Keyrack's)
  --workload NAME,…   only these workloads: ${WORKLOADS.join(', ')}
  --long              growth goes on to 10,000,000 sessions
  --write             writes tables into README.md and docs/bench.md, and charts into docs/; needs 3 rounds or more
  --from FILE,FILE    measures nothing: reports (and with --write, writes) saved results again. Workloads that the
                      first file lacks are taken from the later ones; the report names them
  --help              this text
`;

/** Parses the arguments; throws a usage error for invalid ones. */
export function parse(args) {
  const options = {
    rounds: 3, seconds: 4, sessions: 100_000, only: null, workloads: WORKLOADS, long: false, write: false, from: null,
    help: false,
  };
  const rest = [...args];
  const value = (flag) => rest.shift() ?? fail(`${flag} needs a value`);
  while (rest.length > 0) {
    const flag = rest.shift();
    switch (flag) {
      case '--rounds': options.rounds = positive(flag, value(flag)); break;
      case '--seconds': options.seconds = positive(flag, value(flag)); break;
      case '--sessions': options.sessions = Math.max(positive(flag, value(flag)), 20_000); break;
      case '--only': options.only = value(flag).split(','); break;
      case '--workload': options.workloads = value(flag).split(',').map(known); break;
      case '--long': options.long = true; break;
      case '--write': options.write = true; break;
      case '--from': options.from = value(flag).split(','); break;
      case '--help': case '-h': options.help = true; break;
      default: fail(`unknown option ${flag}; bench/run --help lists all options`);
    }
  }
  return options;
}

function positive(flag, text) {
  const number = Number(text);
  return Number.isInteger(number) && number > 0 ? number : fail(`${flag} takes a whole number from 1`);
}

function known(name) {
  return WORKLOADS.includes(name) ? name : fail(`unknown workload ${name}; use ${WORKLOADS.join(', ')}`);
}

function fail(message) {
  throw usageError(message);
}
