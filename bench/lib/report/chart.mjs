// Charts as SVG: horizontal bars, for light and dark pages.

import { short } from './text.mjs';

const WIDTH = 760;
const LABELS = 290;
const BAR = 16;
const ROW = 26;
const GAP = 46;

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600 } .small { fill: #57606a }
    .own { fill: #0a7d4f } .peer { fill: #8c959f } .database { fill: #c98a1b }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .small { fill: #9da7b3 }
      .own { fill: #3fb984 } .peer { fill: #6e7681 } .database { fill: #d9a441 }
    }`;

/**
 * Draws a chart of several panels. A panel has a heading and rows; a row has a label, a flag for Keyrack itself, and
 * stacked values: the app's part, and the database's.
 */
export function chart(title, panels) {
  let y = 24;
  const parts = [];
  for (const { heading, rows } of panels) {
    parts.push(text(0, y, heading, 'title'));
    y += 14;
    const most = Math.max(...rows.map(({ values }) => sum(values)));
    for (const row of rows) {
      parts.push(bar(row, y, most));
      y += ROW;
    }
    y += GAP - 14;
  }
  const height = y - GAP + 24;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">
  <title>${escape(title)}</title>
  <style>${STYLE}
  </style>
${parts.join('\n')}
</svg>
`;
}

function bar({ label, own, values }, y, most) {
  const room = WIDTH - LABELS - 90;
  let x = LABELS;
  const pieces = values.map((value, index) => {
    const width = (value / most) * room;
    const kind = index > 0 ? 'database' : own ? 'own' : 'peer';
    const piece = `  <rect class="${kind}" x="${x.toFixed(1)}" y="${y}" width="${Math.max(width, 0.5).toFixed(1)}" height="${BAR}"/>`;
    x += width;
    return piece;
  });
  return [text(0, y + 13, label), ...pieces, text(x + 6, y + 13, short(sum(values)), 'small')].join('\n');
}

function text(x, y, content, kind = '') {
  return `  <text${kind && ` class="${kind}"`} x="${x.toFixed(1)}" y="${y}">${escape(content)}</text>`;
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function escape(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
