import { networkInterfaces } from 'node:os';
import type * as Ports from '../../../../scripts/ports.mjs';

/** The reason to skip a test over ::1; false where this machine has it. */
export const NO_IPV6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === '::1')
  ? false
  : 'this machine has no ::1';

const PORTS = new URL('../../../../../scripts/ports.mjs', import.meta.url).href;

/** A UDP port that nothing listens at, and that nobody gets who does not ask for it. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  const ports = (await import(PORTS)) as typeof Ports;
  return await ports.freePort({ address });
}
