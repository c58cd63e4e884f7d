// How figures are printed.

/** A number with two or three significant digits. */
export function short(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 0 : value >= 1 ? 1 : 2);
}

/** A median with its range; a dash if it was not measured. */
export function ranged(spread) {
  if (!spread) return '–';
  const { median, min, max } = spread;
  return min === max ? short(median) : `${short(median)} (${short(min)}–${short(max)})`;
}

/** A median ratio with its range; a dash if it was not measured. */
export function times(spread) {
  if (!spread) return '–';
  const { median, min, max } = spread;
  return min === max ? `${digits(median)}×` : `${digits(median)}× (${digits(min)}–${digits(max)})`;
}

/** A ratio with three digits, since differences of a few per cent matter. */
export function digits(value) {
  return value.toFixed(value < 10 ? 2 : 1);
}

/** A Markdown table: the first column is text, the others are figures. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...rows.map(line)].join('\n');
}
