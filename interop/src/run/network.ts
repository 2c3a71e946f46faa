import { spawnSync } from 'node:child_process';

/** Set in a run that {@link runInNetwork} has started. */
const VARIABLE = 'INTEROP_NETWORK';
const ADDRESS = '10.98.1.1';

/** The address of this run's own network; `undefined` without one. */
export function networkAddress(): string | undefined {
  return process.env[VARIABLE];
}

/**
 * Runs this program again in a network namespace of its own, which has a network beside loopback and no way out.
 * Browsers send no datagram where there is only loopback. Returns the exit code; `undefined` where no namespace can
 * be made.
 */
export function runInNetwork(): number | undefined {
  const name = `interop-${process.pid}`;
  const ip = (command: string): boolean => spawnSync('ip', command.split(' ')).status === 0;
  if (process.platform !== 'linux' || !ip(`netns add ${name}`)) return undefined;
  try {
    const made =
      ip(`-n ${name} link set lo up`) &&
      ip(`-n ${name} link add lan type veth peer name wall`) &&
      ip(`-n ${name} address add ${ADDRESS}/24 dev lan`) &&
      ip(`-n ${name} link set lan up`) &&
      ip(`-n ${name} link set wall up`) &&
      // Firefox uses the address of the default route.
      ip(`-n ${name} route add default dev lan`);
    if (!made) return undefined;
    const command = ['netns', 'exec', name, process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const env = { ...process.env, [VARIABLE]: ADDRESS };
    return spawnSync('ip', command, { stdio: 'inherit', env }).status ?? 1;
  } finally {
    ip(`netns del ${name}`);
  }
}
