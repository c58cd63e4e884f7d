// How sure a difference between two samples is: the percentile bootstrap.

const RESAMPLES = 2000;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How much the median of `values` exceeds that of `others`, as a part of the latter, and its 95 % interval. */
export function differenceOfMedians(values, others, random = Math.random) {
  return difference(median, values, others, random);
}

/** The same with means. */
export function differenceOfMeans(values, others, random = Math.random) {
  return difference(mean, values, others, random);
}

function difference(middle, values, others, random) {
  const relative = (some, more) => middle(some) / middle(more) - 1;
  const resampled = () => relative(resample(values, random), resample(others, random));
  const found = Array.from({ length: RESAMPLES }, resampled).sort((a, b) => a - b);
  const at = (part) => found[Math.min(RESAMPLES - 1, Math.floor(part * RESAMPLES))];
  return { difference: relative(values, others), low: at(0.025), high: at(0.975) };
}

function resample(values, random) {
  return Array.from(values, () => values[Math.floor(random() * values.length)]);
}
