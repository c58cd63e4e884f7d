// The report of bench/compare.

import { difference } from './claims.mjs';
import { ranged, table, times } from './text.mjs';

const FIGURES = [
  { title: 'App CPU per request, µs', field: 'appCpu', isFewerBetter: true },
  { title: 'Database CPU per request, µs', field: 'dbCpu', isFewerBetter: true },
  { title: 'Requests per second', field: 'rps', isFewerBetter: false },
  { title: 'p99, ms', field: 'p99', isFewerBetter: true },
];

/** A table per figure: the old build, the new one, and their ratio within each round. */
export function comparison(results, engines, workloads) {
  const { rounds, seconds } = results.about.options;
  const sections = FIGURES.map(({ title, field, isFewerBetter }) => {
    const rows = engines.flatMap((engine) => workloads.map((workload) => {
      const [old, fresh] = [`${engine}/old`, `${engine}/new`];
      const ratio = results.ratio([workload, fresh, field], [workload, old, field]);
      if (!ratio) return null;
      const [before, after] = [old, fresh].map((system) => ranged(results.spread(workload, system, field)));
      return [`${engine}, ${workload}`, before, after, times(ratio), difference(ratio, isFewerBetter)];
    })).filter(Boolean);
    return rows.length > 0 && `${title}\n\n${table(['', 'old', 'new', 'new : old', ''], rows)}`;
  });
  const intro = `${rounds} rounds of ${seconds} s: medians, with the range over the rounds in parentheses. `
    + 'Ratios are taken within each round.';
  return [intro, ...sections.filter(Boolean)].join('\n\n');
}
