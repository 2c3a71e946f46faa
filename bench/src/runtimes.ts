/** Our server on other runtimes, which are installed as `npm run runtimes` installs them. */
import { fileURLToPath } from 'node:url';
import { installed, RUNTIMES } from '../../scripts/runtimes/install.mjs';
import type { Contender, LoadFor } from './contenders.js';
import { measureEcho, measureHandshakes } from './experiments.js';
import { median, medianRatio } from './measure.js';
import { ECHO_SIZES, type Plan } from './plan.js';
import type { Section } from './section.js';

const CACHE = fileURLToPath(new URL('../../.cache/runtimes', import.meta.url));

interface OnRuntime {
  readonly runtime: string;
  readonly contender: Contender;
}

/** `ours` are the servers to start on each; `commandOf` gives the part of a command after the runtime. */
export async function measureRuntimes(
  ours: readonly Contender[],
  load: LoadFor,
  plan: Plan,
  skipped: string[],
): Promise<Section> {
  const all = RUNTIMES.filter(({ oldest }) => oldest !== true).flatMap((runtime): OnRuntime[] => {
    const program = installed(runtime, CACHE);
    if (program === undefined) {
      skipped.push(`${runtime.name}: it could not be installed`);
      return [];
    }
    return ours.map((contender) => ({
      runtime: runtime.name,
      contender: {
        ...contender,
        name: `${runtime.name}, ${contender.name}`,
        command: [program, ...runtime.args, ...contender.command.filter((part) => !isOfNode(part))],
      },
    }));
  });
  const contenders = all.map(({ contender }) => contender);
  const echoes = await measureEcho(contenders, load, plan);
  const handshakes = await measureHandshakes(contenders, load, plan);
  const first = RUNTIMES.find(({ oldest }) => oldest !== true)?.name;
  const rows = all.map(({ runtime, contender }) => {
    const same = all.find(
      (other) => other.runtime === first && other.contender.suite === contender.suite,
    )?.contender;
    const echo = (of: Contender | undefined, size: number) =>
      echoes.find((row) => row.contender === of)?.bySize.get(size) ?? [];
    const handshake = (of: Contender | undefined) =>
      handshakes.find((row) => row.contender === of)?.samples ?? [];
    const pair = (samples: readonly number[], reference: readonly number[], digits: number) => [
      median(samples).toFixed(digits),
      medianRatio(samples, reference)?.toFixed(2) ?? '',
    ];
    return [
      runtime,
      contender.suite?.version.replace('DTLSv', 'DTLS ') ?? '',
      ...ECHO_SIZES.flatMap((size) => pair(echo(contender, size), echo(same, size), 1)),
      ...pair(handshake(contender), handshake(same), 0),
    ];
  });
  const beside = `x ${first}`;
  return {
    part: 'runtimes',
    title: `Our server on other runtimes, ${ours[0]?.suite?.name}: server CPU in µs of an echo and of a full handshake`,
    header: [
      'runtime',
      'version',
      ...ECHO_SIZES.flatMap((size) => [`echo, ${size} B`, beside]),
      'handshake',
      beside,
    ],
    rows,
    samples: rows,
    ratios: {},
    counts: {},
  };
}

/** Node itself, and the flag that other runtimes do not know. */
function isOfNode(part: string): boolean {
  return part === process.execPath || part === '--expose-gc';
}
