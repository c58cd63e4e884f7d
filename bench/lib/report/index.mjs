// The report of bench/run: tables, targets, and with --write the README and the charts.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../host/requirements.mjs';
import { FOLDER } from '../results.mjs';
import { chart } from './chart.mjs';
import { MIN_ROUNDS_TO_WRITE } from './claims.mjs';
import { circumstances, everything, summary } from './tables.mjs';
import { targetRows } from './targets.mjs';
import { table } from './text.mjs';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

const CHARTS = {
  session: 'An authenticated request: requests per second and CPU per request',
  signIn: 'Sign-ins and sign-outs per second, without hashing',
};

export function report(results, options) {
  const targets = table(['target', 'limit', 'measured', ''], targetRows(results));
  const text = `${everything(results)}\n\n## Targets\n\n${targets}\n`;
  console.log(text);
  if (!options.from) writeFileSync(path.join(FOLDER, 'latest.md'), text);
  if (options.write) write(results, text);
}

function write(results, text) {
  if (results.failures.length > 0) throw new Error('nothing was written: some measurements failed');
  const runs = [results.about, ...(results.about.others ?? []).map(({ about }) => about)];
  const fewest = Math.min(...runs.map(({ options }) => options.rounds));
  if (fewest < MIN_ROUNDS_TO_WRITE) throw new Error(`nothing was written: ${fewest} rounds, needs ${MIN_ROUNDS_TO_WRITE}`);
  writeFileSync(path.join(ROOT, 'docs/bench-session.svg'), chart(CHARTS.session, [
    panel(results, 'session', 'Requests per second', ['rps']),
    panel(results, 'session', 'CPU per request, µs: app, and database in ochre', ['appCpu', 'dbCpu']),
  ]));
  writeFileSync(path.join(ROOT, 'docs/bench-sign-in.svg'), chart(CHARTS.signIn, [
    panel(results, 'sign-in', 'Sign-ins per second, without hashing', ['rps']),
    panel(results, 'sign-out', 'Sign-outs per second', ['rps']),
  ]));
  writeFileSync(path.join(ROOT, 'docs/bench.md'), text);
  const file = path.join(ROOT, 'README.md');
  const [before, rest] = halves(readFileSync(file, 'utf8'), BEGIN);
  const [, after] = halves(rest, END);
  const parts = [`![${CHARTS.session}](docs/bench-session.svg)`, circumstances(results), summary(results),
    'Medians, with the range over the rounds in parentheses. Ratios, the other workloads and the targets are in '
      + '[docs/bench.md](docs/bench.md).'];
  writeFileSync(file, `${before}${BEGIN}\n${parts.join('\n\n')}\n${END}${after}`);
}

/** One workload as a panel of a chart, with a row per system. */
function panel(results, workload, heading, fields) {
  const names = Object.keys(results.labels).filter((name) => results.spread(workload, name, 'rps'));
  if (names.length === 0) throw new Error(`nothing was written: ${workload} was not measured`);
  const rows = names.map((name) => ({
    label: results.labels[name],
    own: name.startsWith('keyrack'),
    values: fields.map((field) => results.spread(workload, name, field)?.median ?? 0),
  }));
  return { heading, rows };
}

function halves(text, marker) {
  const place = text.indexOf(marker);
  if (place < 0) throw new Error(`README.md has no ${marker}`);
  return [text.slice(0, place), text.slice(place + marker.length)];
}
