// What Keyrack has to reach, each with its figure from this run.

import { short } from './text.mjs';

const SQLITE = 'keyrack-sqlite';
const POSTGRES = 'keyrack-postgres';
const NAMES = { [SQLITE]: 'SQLite', [POSTGRES]: 'PostgreSQL' };

const atLeast = (limit) => ({ limit: `≥ ${limit}`, met: (value) => value >= limit });
const atMost = (limit) => ({ limit: `≤ ${limit}`, met: (value) => value <= limit });

/** A quotient in one run, as the median over its rounds. */
function ratio(text, [workload, own, field], [otherWorkload, other, otherField], bound, unit = '×') {
  const figure = (results) => results.ratio([workload, own, field], [otherWorkload, other, otherField])?.median;
  return { text: `${text} (${NAMES[own]})`, figure, unit, ...bound };
}

/** A figure by itself. */
function absolute(text, [workload, own, field], bound, unit) {
  return { text: `${text} (${NAMES[own]})`, figure: (results) => results.spread(workload, own, field)?.median, unit, ...bound };
}

/** The same measurement of Keyrack's and a peer's. */
function against(text, own, peer, workload, field, bound) {
  return ratio(text, [workload, own, field], [workload, peer, field], bound);
}

const both = (make) => [SQLITE, POSTGRES].map(make);

function bestDurablePeer(own) {
  const peers = ['axum-sqlite', 'axum-postgres', 'express', 'express-no-touch'];
  const figure = (results) => {
    const best = peers.map((name) => results.spread('session', name, 'p99')?.median).filter((value) => value !== undefined);
    const value = results.spread('session', own, 'p99')?.median;
    return best.length > 0 && value !== undefined ? value / Math.min(...best) : undefined;
  };
  return { text: `GET p99 at 32 connections : the best durable peer's (${NAMES[own]})`, figure, unit: '×', ...atMost(1) };
}

function growth(own) {
  const figure = (results) => {
    const sizes = results.records.filter((one) => one.workload.startsWith('growth/')).map((one) => Number(one.workload.split('/')[1]));
    const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
    const kept = sizes.length > 0 && results.ratio([`growth/${most}`, own, 'rps'], [`growth/${least}`, own, 'rps']);
    return kept ? (1 - kept.median) * 100 : undefined;
  };
  return { text: `GET req/s lost from the fewest sessions to the most (${NAMES[own]})`, figure, unit: ' %', ...atMost(10) };
}

function historyMatters(own) {
  const figure = (results) => {
    const found = results.ratio(['device-page/long', own, 'rps'], ['device-page/short', own, 'rps']);
    return found ? Math.abs(1 - found.median) * 100 : undefined;
  };
  return { text: `device page: what 10,000 ended sessions change (${NAMES[own]})`, figure, unit: ' %', ...atMost(10) };
}

export const TARGETS = [
  against('GET app CPU : bare route', SQLITE, 'bare', 'session', 'appCpu', atMost(3.5)),
  against('GET app CPU : bare route', POSTGRES, 'bare', 'session', 'appCpu', atMost(4.5)),
  against('GET req/s : axum on PostgreSQL', POSTGRES, 'axum-postgres', 'session', 'rps', atLeast(2.5)),
  against('GET CPU : axum on PostgreSQL', POSTGRES, 'axum-postgres', 'session', 'cpu', atMost(0.4)),
  against('GET req/s : axum on SQLite', SQLITE, 'axum-sqlite', 'session', 'rps', atLeast(2)),
  against('GET CPU : axum on SQLite', SQLITE, 'axum-sqlite', 'session', 'cpu', atMost(0.5)),
  against('GET req/s : actix-session on Redis', SQLITE, 'actix-redis', 'session', 'rps', atLeast(1)),
  against('GET req/s : actix-session on Redis', POSTGRES, 'actix-redis', 'session', 'rps', atLeast(0.8)),
  ...both((own) => against('GET req/s : Express', own, 'express', 'session', 'rps', atLeast(12))),
  ...both((own) => against('GET req/s : Express, disableTouch', own, 'express-no-touch', 'session', 'rps', atLeast(7))),
  ...both(bestDurablePeer),
  against('sign-ins : axum on SQLite', SQLITE, 'axum-sqlite', 'sign-in', 'rps', atLeast(1.5)),
  against('sign-ins : axum on PostgreSQL', POSTGRES, 'axum-postgres', 'sign-in', 'rps', atLeast(1.5)),
  ...both((own) => against('sign-ins : Express', own, 'express', 'sign-in', 'rps', atLeast(3))),
  against('sign-outs : axum on SQLite', SQLITE, 'axum-sqlite', 'sign-out', 'rps', atLeast(0.8)),
  against('sign-outs : axum on PostgreSQL', POSTGRES, 'axum-postgres', 'sign-out', 'rps', atLeast(0.8)),
  ...both((own) => against('sign-outs : Express', own, 'express', 'sign-out', 'rps', atLeast(3))),
  ...both((own) => absolute('sign-ins with hashing : raw argon2id rate', ['sign-in-hashed/rate', own, 'share'], atLeast(0.95), '×')),
  ...both((own) => ratio('GET req/s in a storm of 200 sign-ins : idle',
    ['sign-in-hashed/storm', own, 'rps'], ['sign-in-hashed/idle', own, 'rps'], atLeast(0.5))),
  ...both((own) => ratio('GET p99 in a storm of 200 sign-ins : idle',
    ['sign-in-hashed/storm', own, 'p99'], ['sign-in-hashed/idle', own, 'p99'], atMost(3))),
  ...both((own) => ratio('device page req/s : `/api/session`',
    ['device-page/short', own, 'rps'], ['device-page/session', own, 'rps'], atLeast(0.35))),
  ...both(historyMatters),
  ...both(growth),
  ...both((own) => ratio('GET p99 during a purge : before', ['purge/during', own, 'p99'], ['purge/before', own, 'p99'], atMost(1.5))),
  ...both((own) => absolute('sign-in p99 during a purge', ['purge/during', own, 'signInP99'], atMost(50), ' ms')),
  ...both((own) => absolute('memory at rest', ['start', own, 'restMb'], atMost(20), ' MB')),
  ...both((own) => absolute('memory after the run', ['start', own, 'afterMb'], atMost(60), ' MB')),
  ...both((own) => absolute('start to first answer', ['start', own, 'startMs'], atMost(100), ' ms')),
];

/** A row for each target: what it is, its limit, its figure, and whether it is met. */
export function targetRows(results) {
  return TARGETS.map(({ text, figure, limit, met, unit }) => {
    const value = figure(results);
    if (value === undefined || value === null || Number.isNaN(value)) return [text, `${limit}${unit}`, '–', 'not measured'];
    return [text, `${limit}${unit}`, `${short(value)}${unit}`, met(value) ? 'met' : 'not met'];
  });
}
