// Keyrack's targets, each with its figure from this run.

import { spreadOf } from '../results.mjs';
import { judge } from './claims.mjs';

const SQLITE = 'keyrack-sqlite';
const POSTGRES = 'keyrack-postgres';
const NAMES = { [SQLITE]: 'SQLite', [POSTGRES]: 'PostgreSQL' };
const DURABLE_PEERS = ['axum-sqlite', 'axum-postgres', 'express', 'express-no-touch'];

const atLeast = (limit) => ({ sign: '≥', limit, isMet: (value) => value >= limit });
const atMost = (limit) => ({ sign: '≤', limit, isMet: (value) => value <= limit });

/** A quotient within each round. */
function ratio(text, [workload, own, field], [otherWorkload, other, otherField], bound, unit = '×') {
  const figure = (results) => results.ratio([workload, own, field], [otherWorkload, other, otherField]);
  return { text: `${text} (${NAMES[own]})`, figure, unit, ...bound };
}

/** A figure by itself. */
function absolute(text, [workload, own, field], bound, unit) {
  return { text: `${text} (${NAMES[own]})`, figure: (results) => results.spread(workload, own, field), unit, ...bound };
}

/** Keyrack's measurement divided by a peer's. */
function against(text, own, peer, workload, field, bound) {
  return ratio(text, [workload, own, field], [workload, peer, field], bound);
}

const both = (make) => [SQLITE, POSTGRES].map(make);

/** Compares with the best peer of each round. */
function bestDurablePeer(own) {
  const figure = (results) => {
    const peers = DURABLE_PEERS.map((name) => results.rounds('session', name, 'p99'));
    const best = (round) => Math.min(...peers.map((values) => values.get(round)).filter((value) => value !== undefined));
    const values = [...results.rounds('session', own, 'p99')].map(([round, value]) => value / best(round));
    return spreadOf(values.filter((value) => value > 0)); // without peers, the best is infinite
  };
  return { text: `GET p99 at 32 connections : the best durable peer's (${NAMES[own]})`, figure, unit: '×', ...atMost(1) };
}

function growth(own) {
  const figure = (results) => {
    const sizes = results.records.filter((one) => one.workload.startsWith('growth/')).map((one) => Number(one.workload.split('/')[1]));
    const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
    const kept = results.ratios([`growth/${most}`, own, 'rps'], [`growth/${least}`, own, 'rps']);
    return spreadOf(kept.map((ratio) => (1 - ratio) * 100));
  };
  return { text: `GET req/s lost from the fewest sessions to the most (${NAMES[own]})`, figure, unit: ' %', ...atMost(10) };
}

function historyMatters(own) {
  const figure = (results) => {
    const kept = results.ratios(['device-page/long', own, 'rps'], ['device-page/short', own, 'rps']);
    return spreadOf(kept.map((ratio) => Math.abs(1 - ratio) * 100));
  };
  return { text: `device page: change by 10,000 ended sessions (${NAMES[own]})`, figure, unit: ' %', ...atMost(10) };
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

/** A row per target: its name, its limit, its figure, and whether it is met in every round. */
export function targetRows(results) {
  return TARGETS.map(({ text, figure, sign, limit, isMet, unit }) => {
    const { measured, verdict } = judge(figure(results), { limit, isMet, unit });
    return [text, `${sign} ${limit}${unit}`, measured, verdict];
  });
}
