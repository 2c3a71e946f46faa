import type { Battle } from './battle.js';
import { bytesOutForOne, echoShare } from './bounds.js';

const MIB = 2 ** 20;
const HEADINGS = [
  'attack',
  'sent: datagrams, KiB',
  'answers: datagrams, KiB',
  'bytes out for one in',
  'CPU',
  'longest turn, CPU ms',
  'held MiB: before, peak, after',
  'rss MiB: before, peak, after',
  'echoes',
  'new clients: in, median and longest ms',
];

/** One row per attack, as Markdown. */
export function table(battles: readonly Battle[]): string {
  const rows = [HEADINGS, HEADINGS.map(() => '---'), ...battles.map(row)];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function row(battle: Battle): string[] {
  const { attack, tally, traffic, seconds, before, during, after, honest } = battle;
  const { datagramsOut, bytesOut } = traffic;
  const cpu = during.now.cpu - before.now.cpu;
  const mib = (...values: readonly number[]) => values.map((value) => (value / MIB).toFixed(1)).join(', ');
  const times = honest.newClients.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const opened = honest.newClients.filter((one) => one.opened).length;
  return [
    `${attack.name} (${attack.cases})`,
    `${tally.datagrams}, ${kib(tally.bytes)}`,
    `${datagramsOut}, ${kib(bytesOut)}`,
    bytesOutForOne(battle).toFixed(2),
    `${((cpu / 1e6 / seconds) * 100).toFixed(0)} %`,
    (during.longestTurn / 1000).toFixed(0),
    mib(before.now.held, during.peak.held, after.now.held),
    mib(before.now.rss, during.peak.rss, after.now.rss),
    `${(echoShare(honest) * 100).toFixed(0)} %`,
    `${opened}/${times.length}, ${(times[times.length >> 1] ?? 0).toFixed(0)}, ${(times.at(-1) ?? 0).toFixed(0)}`,
  ];
}

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(0);
}
