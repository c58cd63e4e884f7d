// The tables of a run, as Markdown.

import { ratioClaim } from './claims.mjs';
import { ranged, short, table, times } from './text.mjs';

const KEYRACK = ['keyrack-sqlite', 'keyrack-postgres'];

/** All tables. */
export function everything(results) {
  return [
    heading(results),
    section('Authenticated GET', sessionTable(results)),
    section('Sign-in without hashing, sign-out', changesTable(results)),
    section('Keyrack against each peer', ratioTable(results)),
    section('Device page', devicePageTable(results)),
    section('Sign-in with hashing', hashedTable(results)),
    section('Purge under load', purgeTable(results)),
    section('Growth', growthTable(results)),
    failures(results),
  ].filter(Boolean).join('\n\n');
}

/** The main figures, for the README. */
export function summary(results) {
  return [sessionTable(results), changesTable(results)].filter(Boolean).join('\n\n');
}

/** Where, when and how it was measured. */
export function circumstances({ about }) {
  const { machine, versions, options, others = [] } = about;
  return `Measured ${moment(about)}: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, PostgreSQL ${versions.postgres}, `
    + `Node.js ${versions.node}; ${options.rounds} round${options.rounds === 1 ? '' : 's'} of ${options.seconds} s each, `
    + `${options.sessions.toLocaleString('en')} sessions, 32 connections, 10,000 cookies in turn, the load generator on the same cores, `
    + `${autogroup(about)}.${others.map(({ about, workloads }) => ` From another run, ${moment(about)}, ${autogroup(about)}: ${workloads.join(', ')}.`).join('')}`;
}

function moment({ date, commit }) {
  return `on ${date.slice(0, 10)} at commit ${commit}`;
}

function autogroup({ machine }) {
  return `autogroup ${machine.autogroup === false ? 'off' : 'on'}`;
}

function heading(results) {
  return `# Benchmark results\n\n${circumstances(results)}\n`
    + 'Measured by `bench/run`. Figures are medians, with the range over the rounds in parentheses. Ratios are taken within each round.';
}

function section(title, body) {
  return body && `## ${title}\n\n${body}`;
}

function systemsWith(results, workload) {
  return Object.keys(results.labels).filter((name) => results.spread(workload, name, 'rps'));
}

function sessionTable(results) {
  const names = systemsWith(results, 'session');
  const figures = (name) => ['rps', 'p50', 'p99', 'appCpu', 'dbCpu'].map((field) => ranged(results.spread('session', name, field)));
  const start = (name) => ['restMb', 'afterMb', 'startMs'].map((field) => ranged(results.spread('start', name, field)));
  const head = ['authenticated GET', 'req/s', 'p50 ms', 'p99 ms', 'app µs', 'database µs', 'MB at rest', 'MB after', 'start ms'];
  return names.length > 0 && table(head, names.map((name) => [results.labels[name], ...figures(name), ...start(name)]));
}

function changesTable(results) {
  const names = [...new Set(['sign-in', 'sign-out'].flatMap((workload) => systemsWith(results, workload)))];
  const figures = (name) => ['sign-in', 'sign-out'].flatMap(
    (workload) => ['rps', 'p99', 'cpu'].map((field) => ranged(results.spread(workload, name, field))));
  const head = ['no hashing', 'sign-ins/s', 'p99 ms', 'CPU µs', 'sign-outs/s', 'p99 ms', 'CPU µs'];
  return names.length > 0 && table(head, names.map((name) => [results.labels[name], ...figures(name)]));
}

function ratioTable(results) {
  const peers = Object.keys(results.labels).filter((name) => !KEYRACK.includes(name));
  const rows = KEYRACK.flatMap((own) => peers.map((peer) => {
    const ratio = (workload, field) => ratioClaim(results.ratio([workload, own, field], [workload, peer, field]));
    return [`${results.labels[own]} : ${results.labels[peer]}`, ratio('session', 'rps'), ratio('session', 'cpu'),
      ratio('session', 'p99'), ratio('sign-in', 'rps'), ratio('sign-out', 'rps')];
  })).filter((row) => row.slice(1).some((cell) => cell !== '–'));
  const head = ['ratio within each round', 'GET req/s', 'GET CPU', 'GET p99', 'sign-ins/s', 'sign-outs/s'];
  const note = '“Not claimed”: the range over the rounds includes 1.';
  return rows.length > 0 && `${table(head, rows)}\n\n${note}`;
}

function devicePageTable(results) {
  const rows = KEYRACK.filter((name) => results.spread('device-page/short', name, 'rps')).map((name) => {
    const page = (length) => [ranged(results.spread(`device-page/${length}`, name, 'rps')),
      times(results.ratio([`device-page/${length}`, name, 'rps'], ['device-page/session', name, 'rps']))];
    return [results.labels[name], ranged(results.spread('device-page/session', name, 'rps')), ...page('short'), ...page('long')];
  });
  const head = ['6 devices', '`/api/session` req/s', 'no history: req/s', 'share', '10,000 ended: req/s', 'share'];
  return rows.length > 0 && table(head, rows);
}

function hashedTable(results) {
  const of = (name, workload, field) => ranged(results.spread(`sign-in-hashed/${workload}`, name, field));
  const rows = KEYRACK.filter((name) => results.spread('sign-in-hashed/rate', name, 'rps')).map((name) => [
    results.labels[name], of(name, 'rate', 'rps'), of(name, 'rate', 'raw'), of(name, 'rate', 'share'),
    of(name, 'idle', 'rps'), of(name, 'idle', 'p99'), of(name, 'storm', 'rps'), of(name, 'storm', 'p99'),
  ]);
  const head = ['real hashes', 'sign-ins/s', 'raw argon2id/s', 'share', 'GET/s idle', 'p99 ms', 'GET/s in a storm of 200', 'p99 ms'];
  return rows.length > 0 && table(head, rows);
}

function purgeTable(results) {
  const of = (name, when, field) => ranged(results.spread(`purge/${when}`, name, field));
  const rows = KEYRACK.filter((name) => results.spread('purge/before', name, 'rps')).map((name) => {
    const rate = results.records.find((one) => one.workload === 'purge/rate' && one.system === name);
    return [results.labels[name], ...['p99', 'signInP99'].flatMap((field) => ['before', 'during'].map((when) => of(name, when, field))),
      rate ? short(rate.ended / rate.seconds) : '–'];
  });
  const head = ['500,000 of 600,000 expired', 'GET p99 ms before', 'during', 'sign-in p99 ms before', 'during', 'ended per second'];
  return rows.length > 0 && table(head, rows);
}

function growthTable(results) {
  const found = new Set(results.records.filter((one) => one.workload.startsWith('growth/')).map((one) => Number(one.workload.split('/')[1])));
  const sizes = [...found].sort((a, b) => a - b);
  const rows = KEYRACK.filter((name) => results.spread(`growth/${sizes[0]}`, name, 'rps')).map((name) => [
    results.labels[name], ...sizes.map((size) => ranged(results.spread(`growth/${size}`, name, 'rps')))]);
  return rows.length > 0 && table(['GET req/s at sessions', ...sizes.map((size) => size.toLocaleString('en'))], rows);
}

function failures({ failures: found }) {
  const line = ({ system, workload, round, message }) => `- ${system}, ${workload}, round ${round}: ${message.split('\n')[0]}`;
  return found.length > 0 && `## Failed\n\n${found.map(line).join('\n')}`;
}
