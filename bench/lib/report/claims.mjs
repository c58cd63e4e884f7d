// What a run may claim: only what every one of its rounds shows.

import { digits, short } from './text.mjs';

/** Results of fewer rounds are not written into the documentation. */
export const MIN_ROUNDS_TO_WRITE = 3;

/** A build is called better or worse only after so many rounds: of equal builds, one in 16 looks so by chance. */
export const MIN_ROUNDS_TO_COMPARE = 5;

/**
 * Judges a figure (median and range over the rounds) against a limit: `isMet` tells whether a value meets it. Where
 * some rounds meet the limit and others do not, nothing is claimed.
 */
export function judge(spread, { limit, isMet, unit = '' }) {
  if (!spread) return { measured: '–', verdict: 'not measured' };
  const [min, max] = [isMet(spread.min), isMet(spread.max)];
  const range = `${short(spread.min)}–${short(spread.max)}`;
  if (min !== max) return { measured: '–', verdict: `not claimed: range ${range}${unit} crosses ${limit}` };
  const median = `${short(spread.median)}${unit}`;
  const measured = spread.min === spread.max ? median : `${median} (${range})`;
  return { measured, verdict: min ? 'met' : 'not met' };
}

/** A ratio with its range; without a median where the range includes 1, since then neither side is ahead. */
export function ratioClaim(spread) {
  if (!spread) return '–';
  const { median, min, max } = spread;
  if (min === max) return `${digits(median)}×`;
  const range = `${digits(min)}–${digits(max)}`;
  return min <= 1 && max >= 1 ? `not claimed (${range})` : `${digits(median)}× (${range})`;
}

/** Calls a new build better or worse where every round shows it; `ratio` is new to old. */
export function difference(ratio, isFewerBetter) {
  const { min, max, rounds } = ratio;
  if (rounds < MIN_ROUNDS_TO_COMPARE) return `not claimed: needs ${MIN_ROUNDS_TO_COMPARE} rounds, has ${rounds}`;
  if (min <= 1 && max >= 1) return `not claimed: range ${digits(min)}–${digits(max)} crosses 1`;
  return `${(max < 1) === isFewerBetter ? 'better' : 'worse'} in all ${rounds} rounds`;
}
