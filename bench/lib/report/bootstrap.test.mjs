import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differenceOfMeans, differenceOfMedians, mean, median } from './bootstrap.mjs';

/** A random source that is the same in each run (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('median and mean of known samples', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(mean([1, 2, 6]), 3);
});

test('interval of equal samples contains 0', () => {
  const random = seeded(1);
  const [values, others] = [0, 1].map(() => Array.from({ length: 300 }, () => 20 + random()));
  for (const compare of [differenceOfMedians, differenceOfMeans]) {
    const { low, high } = compare(values, others, random);
    assert.ok(low <= 0 && high >= 0, `${low} to ${high}`);
  }
});

test('interval of samples that differ by a tenth excludes 0 and contains a tenth', () => {
  const random = seeded(2);
  const others = Array.from({ length: 300 }, () => 20 + random());
  const values = Array.from({ length: 300 }, () => 1.1 * (20 + random()));
  for (const compare of [differenceOfMedians, differenceOfMeans]) {
    const { difference, low, high } = compare(values, others, random);
    assert.ok(low > 0.05 && low < 0.1 && high > 0.1 && Math.abs(difference - 0.1) < 0.02, `${low} to ${high}`);
  }
});
