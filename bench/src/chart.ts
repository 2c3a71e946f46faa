/** One line of the chart: a value for each run. */
export interface Line {
  readonly name: string;
  readonly values: readonly number[];
}

const WIDTH = 760;
const PLOT = { left: 48, top: 24, right: 740, bottom: 260 };
const ROW_HEIGHT = 20;
/** Distinguishable to the colour-blind, on white and on black (the palette of Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const MAX_TICKS = 8;

/** An SVG chart of ratios over runs, with its legend below it. The same values always make the same text. */
export function chartOf(lines: readonly Line[], runs: readonly string[]): string {
  const top = Math.max(1, Math.ceil(Math.max(...lines.flatMap(({ values }) => values))));
  const x = (run: number) => PLOT.left + ((run + 0.5) * (PLOT.right - PLOT.left)) / runs.length;
  const y = (ratio: number) => PLOT.bottom - (ratio * (PLOT.bottom - PLOT.top)) / top;
  const height = PLOT.bottom + 40 + lines.length * ROW_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>Server CPU of datagram-tls as ratios, run by run; lower is better</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...scale(top, y),
    ...names(runs, x),
    ...lines.flatMap((line, i) => drawn(line, COLOURS[i % COLOURS.length] ?? '#000000', x, y)),
    ...lines.map((line, i) => legend(line, COLOURS[i % COLOURS.length] ?? '#000000', i)),
    '</svg>',
    '',
  ].join('\n');
}

function scale(top: number, y: (ratio: number) => number): string[] {
  const step = Math.ceil(top / MAX_TICKS);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step).flatMap((ratio) => [
    `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${round(y(ratio))}" y2="${round(y(ratio))}" stroke="${ratio === 1 ? '#666666' : '#dddddd'}"/>`,
    `<text x="${PLOT.left - 8}" y="${round(y(ratio) + 4)}" text-anchor="end" fill="#333333">${ratio}</text>`,
  ]);
}

/** The commits below the chart, as many as fit. */
function names(runs: readonly string[], x: (run: number) => number): string[] {
  const each = Math.ceil(runs.length / MAX_TICKS);
  return runs.flatMap((run, i) =>
    i % each === 0
      ? [`<text x="${round(x(i))}" y="${PLOT.bottom + 18}" text-anchor="middle" fill="#333333">${run}</text>`]
      : [],
  );
}

function drawn(
  { values }: Line,
  colour: string,
  x: (run: number) => number,
  y: (ratio: number) => number,
): string[] {
  const points = values.map((value, run) => [round(x(run)), round(y(value))] as const);
  return [
    `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map((point) => point.join()).join(' ')}"/>`,
    ...points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`),
  ];
}

function legend({ name, values }: Line, colour: string, row: number): string {
  const y = PLOT.bottom + 44 + row * ROW_HEIGHT;
  return `<g><line x1="${PLOT.left}" x2="${PLOT.left + 24}" y1="${y - 4}" y2="${y - 4}" stroke="${colour}" stroke-width="2"/><text x="${PLOT.left + 32}" y="${y}" fill="#333333">${name}: ${values.at(-1)?.toFixed(2)} in the last run</text></g>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
