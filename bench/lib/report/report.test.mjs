import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Results, spreadOf } from '../results.mjs';
import { difference, judge, ratioClaim } from './claims.mjs';
import { comparison } from './comparison.mjs';
import { everything } from './tables.mjs';
import { targetRows } from './targets.mjs';

const OWN = 'keyrack-sqlite';

/** Made-up results: `figures` are `[workload, system, field, value of each round…]`. */
function results(...figures) {
  const about = {
    date: '2026-01-02T03:04:05.000Z', commit: 'abc1234', machine: { cpu: 'a CPU', cores: 2, memoryGb: 8 },
    versions: { postgres: '15', node: '20' }, options: { rounds: 3, seconds: 3, sessions: 1000 },
  };
  const records = figures.flatMap(([workload, system, field, ...values]) => values.map(
    (value, n) => ({ workload, system, round: n + 1, [field]: value })));
  const made = new Results({ about, labels: {}, records, failures: [] });
  for (const { system } of records) made.labels[system] = system;
  return made;
}

function target(made, text) {
  return targetRows(made).find(([name]) => name.startsWith(text)).slice(2);
}

describe('spread', () => {
  test('of an odd and an even number of rounds', () => {
    assert.deepEqual(spreadOf([5, 1, 3]), { median: 3, min: 1, max: 5, rounds: 3 });
    assert.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4, rounds: 4 });
    assert.equal(spreadOf([]), null);
  });
});

describe('ratio', () => {
  test('pairs values of the same round', () => {
    const made = results(['session', OWN, 'rps', 100, 300, 200], ['session', 'bare', 'rps', 200, 300, 100]);
    // The ratio of the medians would be 1.
    assert.deepEqual(made.ratio(['session', OWN, 'rps'], ['session', 'bare', 'rps']), { median: 1, min: 0.5, max: 2, rounds: 3 });
  });

  test('leaves out rounds that only one side has', () => {
    const made = results(['session', OWN, 'rps', 100, 300], ['session', 'bare', 'rps', 200]);
    assert.deepEqual(made.ratios(['session', OWN, 'rps'], ['session', 'bare', 'rps']), [0.5]);
    assert.equal(made.ratio(['session', OWN, 'rps'], ['session', 'express', 'rps']), null);
  });

  test('is not claimed where its range includes 1', () => {
    assert.equal(ratioClaim(spreadOf([0.55, 0.9, 1.1])), 'not claimed (0.55–1.10)');
    assert.equal(ratioClaim(spreadOf([1, 2, 3])), 'not claimed (1.00–3.00)');
    assert.equal(ratioClaim(spreadOf([1.5, 2, 3])), '2.00× (1.50–3.00)');
    assert.equal(ratioClaim(null), '–');
  });
});

describe('target', () => {
  const atMost1 = { limit: 1, isMet: (value) => value <= 1, unit: '×' };

  test('is met or not met only if every round agrees', () => {
    assert.deepEqual(judge(spreadOf([0.5, 0.6, 0.9]), atMost1), { measured: '0.60× (0.50–0.90)', verdict: 'met' });
    assert.deepEqual(judge(spreadOf([1.5, 2, 3]), atMost1), { measured: '2.0× (1.5–3.0)', verdict: 'not met' });
    assert.deepEqual(judge(spreadOf([0.55, 0.6, 1.1]), atMost1),
      { measured: '–', verdict: 'not claimed: range 0.55–1.1× crosses 1' });
    assert.deepEqual(judge(null, atMost1), { measured: '–', verdict: 'not measured' });
  });

  test('against the best peer takes the best of each round', () => {
    const made = results(['session', OWN, 'p99', 2, 2, 2], ['session', 'express', 'p99', 4, 8, 4],
      ['session', 'axum-sqlite', 'p99', 8, 4, 8]);
    assert.deepEqual(target(made, "GET p99 at 32 connections : the best durable peer's (SQLite)"), ['0.50×', 'met']);
    assert.deepEqual(target(results(['session', OWN, 'p99', 2]), 'GET p99 at 32'), ['–', 'not measured']);
  });

  test('of growth and history is a percentage within each round', () => {
    const made = results(['growth/1000', OWN, 'rps', 100, 200, 100], ['growth/100000', OWN, 'rps', 98, 190, 96],
      ['device-page/short', OWN, 'rps', 100, 100, 100], ['device-page/long', OWN, 'rps', 105, 80, 100]);
    assert.deepEqual(target(made, 'GET req/s lost'), ['4.0 % (2.0–5.0)', 'met']);
    assert.deepEqual(target(made, 'device page: change'), ['–', 'not claimed: range 0.00–20 % crosses 10']);
  });
});

describe('comparison of two builds', () => {
  test('claims a difference only if all of five rounds show it', () => {
    assert.equal(difference(spreadOf([0.9, 0.8, 0.9, 0.95, 0.9]), true), 'better in all 5 rounds');
    assert.equal(difference(spreadOf([0.9, 0.8, 0.9, 0.95, 0.9]), false), 'worse in all 5 rounds');
    assert.equal(difference(spreadOf([0.9, 0.8, 1.01, 0.95, 0.9]), true), 'not claimed: range 0.80–1.01 crosses 1');
    assert.equal(difference(spreadOf([0.9, 0.8]), true), 'not claimed: needs 5 rounds, has 2');
  });

  test('prints old, new and their ratio', () => {
    const made = results(['session', 'sqlite/old', 'appCpu', 20, 20, 20, 20, 20], ['session', 'sqlite/new', 'appCpu', 10, 10, 10, 12, 8]);
    assert.match(comparison(made, ['sqlite'], ['session']),
      /\| sqlite, session \| 20 \| 10 \(8\.0–12\) \| 0\.50× \(0\.40–0\.60\) \| better in all 5 rounds \|/);
  });
});

test('tables print ranges, and leave out what was not measured', () => {
  const made = results(['session', OWN, 'rps', 100, 300, 200], ['session', 'bare', 'rps', 200, 300, 100]);
  const text = everything(made);
  assert.match(text, /\| keyrack-sqlite \| 200 \(100–300\) \| – \|/);
  assert.match(text, /\| keyrack-sqlite : bare \| not claimed \(0\.50–2\.00\) \| – \|/);
  assert.doesNotMatch(text, /Device page|undefined|NaN/);
});
