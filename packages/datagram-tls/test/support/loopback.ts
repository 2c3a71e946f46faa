import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';

/** The reason to skip a test over ::1; false where this machine has it. */
export const NO_IPV6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === '::1')
  ? false
  : 'this machine has no ::1';

/** Below the ports that systems give to sockets by themselves: no socket of another test comes to be there. */
const PORTS = { first: 20_000, count: 10_000 };
/** So many are of this process before those of the next one begin. */
const OF_A_PROCESS = 101;
let next = (process.pid * OF_A_PROCESS) % PORTS.count;

/** A UDP port that nothing listens at, and that nobody gets who does not ask for it. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  const port = PORTS.first + next;
  next = (next + 1) % PORTS.count;
  const socket = createSocket('udp4').bind(port, address);
  const isFree = await once(socket, 'listening').then(
    () => true,
    () => false,
  );
  socket.close();
  if (isFree) await once(socket, 'close');
  return isFree ? port : freePort(address);
}
