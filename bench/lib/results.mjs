// Results: one record per measurement, and statistics over the rounds of a run.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT } from './host/requirements.mjs';

export const FOLDER = path.join(ROOT, 'bench/results');

export class Results {
  static begin({ rounds, seconds, sessions, long }, versions) {
    const cpu = os.cpus();
    return new Results({
      about: {
        date: new Date().toISOString(),
        commit: git('rev-parse', '--short', 'HEAD'),
        machine: {
          cpu: cpu[0]?.model.trim(), cores: cpu.length, memoryGb: Math.round(os.totalmem() / 2 ** 30), kernel: os.release(),
          autogroup: hasAutogroup(),
        },
        versions: { ...versions, node: process.versions.node },
        options: { rounds, seconds, sessions, long },
      },
      labels: {},
      records: [],
      failures: [],
    });
  }

  /** Loads saved results; a later file adds the workloads that the earlier ones lack. */
  static load(files) {
    const [first, ...others] = files.map((file) => new Results(JSON.parse(readFileSync(file, 'utf8'))));
    for (const other of others) first.#addWorkloadsOf(other);
    return first;
  }

  #addWorkloadsOf({ about, records }) {
    const kind = ({ workload }) => workload.split('/')[0];
    const known = new Set(this.records.map(kind));
    const added = records.filter((record) => !known.has(kind(record)));
    this.about.others = [...(this.about.others ?? []), { about, workloads: [...new Set(added.map(kind))] }];
    this.records.push(...added);
  }

  constructor({ about, labels, records, failures }) {
    Object.assign(this, { about, labels, records, failures });
  }

  /** Remembers the systems' labels in tables, in their order. */
  describe(systems) {
    for (const { name, label } of systems) this.labels[name] = label;
  }

  add(record) {
    this.records.push(record);
  }

  fail(key, message) {
    this.failures.push({ ...key, message });
  }

  save() {
    mkdirSync(FOLDER, { recursive: true });
    const file = path.join(FOLDER, `${this.about.date.replace(/[:.]/g, '-')}.json`);
    writeFileSync(file, `${JSON.stringify(this, null, 1)}\n`);
    return path.relative(ROOT, file);
  }

  /** A field's value by round. */
  rounds(workload, system, field) {
    const found = this.records.filter((one) => one.workload === workload && one.system === system && one[field] != null);
    return new Map(found.map((one) => [one.round, one[field]]));
  }

  /** The spread of a field over the rounds; null if it was not measured. */
  spread(workload, system, field) {
    return spreadOf([...this.rounds(workload, system, field).values()]);
  }

  /** The quotients of two fields within each round that has both; each is `[workload, system, field]`. */
  ratios(one, other) {
    const others = this.rounds(...other);
    return [...this.rounds(...one)].filter(([round]) => others.get(round)).map(([round, value]) => value / others.get(round));
  }

  /** The spread of these quotients; null without any. */
  ratio(one, other) {
    return spreadOf(this.ratios(one, other));
  }
}

/** Median, minimum and maximum, and of how many rounds; null without values. */
export function spreadOf(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)];
  return { median, min: sorted[0], max: sorted.at(-1), rounds: sorted.length };
}

/** Whether Linux gives each process session an equal share of the machine, regardless of its threads' nice values. */
function hasAutogroup() {
  const file = '/proc/sys/kernel/sched_autogroup_enabled';
  return existsSync(file) && readFileSync(file, 'utf8').trim() === '1';
}

function git(...args) {
  try {
    return execFileSync('git', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim();
  } catch {
    return 'unknown'; // not a clone
  }
}
