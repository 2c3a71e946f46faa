/**
 * Makes what the documents say of speed from the history: the chart docs/explanation/performance.svg, the tables of
 * docs/explanation/performance.md and the row of README.
 *
 *   npm run bench:figures             writes them
 *   npm run check:figures             exits with 1 when they are not what the history says
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chartOf, type Line } from './chart.js';
import { withFigures } from './figure-texts.js';
import { type Entry, readHistory } from './history.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const README_RATIO =
  /costs the server [\d.]+ times a raw `dgram` echo, and [\d.]+ times with the native part/;
const ECHO = 'echo of 64 B, AES_128_GCM / raw dgram';
const NATIVE_ECHO = 'echo of 64 B, AES_128_GCM, native / raw dgram';

/** The lines of the chart: a name, and a ratio of the history. */
const LINES: readonly (readonly [string, string])[] = [
  ['echo of 64 B, AES-128-GCM, to raw dgram', ECHO],
  ['echo of 64 B, AES-128-GCM, to OpenSSL in C', 'echo of 64 B, AES_128_GCM / OpenSSL'],
  ['the same with the native part', 'echo of 64 B, AES_128_GCM, native / OpenSSL'],
  ['full handshake, DTLS 1.2, to OpenSSL in C', 'handshake, full, DTLSv1.2 / OpenSSL'],
  ['PSK handshake, DTLS 1.2, to OpenSSL in C', 'handshake, PSK, DTLSv1.2 / OpenSSL'],
  ['resumed handshake, DTLS 1.2, to OpenSSL in C', 'handshake, resumed, DTLSv1.2 / OpenSSL'],
];

/** Only whole runs that measured every line are drawn. */
const history = readHistory();
const runs = history.filter(
  ({ form, ratios }) => form === 'whole' && LINES.every(([, ratio]) => ratios[ratio] !== undefined),
);
const lastEcho = history.findLast(
  ({ form, ratios }) => form === 'whole' && ratios[ECHO] !== undefined && ratios[NATIVE_ECHO] !== undefined,
);
if (lastEcho === undefined) throw new Error('bench/history.jsonl has no whole run with the native part');

const outdated = [
  update('docs/explanation/performance.svg', () =>
    chartOf(
      linesOf(runs),
      runs.map(({ commit }) => commit),
    ),
  ),
  update('docs/explanation/performance.md', (text) => withFigures(text, history)),
  update('README.md', (text) => readmeWith(text, lastEcho)),
].filter((file) => file !== undefined);
if (process.argv.includes('--check')) {
  for (const file of outdated)
    console.log(`${file} is not what the history says: run \`npm run bench:figures\``);
  process.exitCode = outdated.length === 0 ? 0 : 1;
}

/** The name of a file whose content was not the right one. */
function update(file: string, content: (text: string) => string): string | undefined {
  const text = readText(file);
  const right = content(text);
  if (right === text) return undefined;
  if (!process.argv.includes('--check')) writeFileSync(root + file, right);
  return file;
}

function readText(file: string): string {
  try {
    return readFileSync(root + file, 'utf8');
  } catch {
    return '';
  }
}

function linesOf(entries: readonly Entry[]): Line[] {
  return LINES.map(([name, ratio]) => ({
    name,
    values: entries.map(({ ratios }) => ratios[ratio] ?? Number.NaN),
  }));
}

function readmeWith(text: string, { ratios }: Entry): string {
  if (!README_RATIO.test(text)) throw new Error('README.md has no sentence on the cost of an echo');
  return text.replace(
    README_RATIO,
    `costs the server ${ratios[ECHO]?.toFixed(1)} times a raw \`dgram\` echo, and ${ratios[NATIVE_ECHO]?.toFixed(1)} times with the native part`,
  );
}
