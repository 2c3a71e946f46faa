/** Ports for programs that have to be told where to listen. */
import { createSocket } from 'node:dgram';

/** Below the ports that systems give to sockets by themselves, which another socket could get meanwhile. */
const FIRST = 20_000;
const COUNT = 10_000;
/** So many are of this process before those of the next one begin. */
const OF_A_PROCESS = 101;
let next = (process.pid * OF_A_PROCESS) % COUNT;

/** A UDP port that nothing listens at; the first of `inARow`. Each comes once, as long as there are others. */
export async function freePort({ address = '127.0.0.1', inARow = 1 } = {}) {
  const first = FIRST + next;
  next += inARow;
  if (next + inARow > COUNT) next = 0;
  for (let port = first; port < first + inARow; port++)
    if (!(await isFree(port, address))) return freePort({ address, inARow });
  return first;
}

async function isFree(port, address) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const free = await new Promise((resolve) => {
    socket.once('error', () => resolve(false)).bind(port, address, () => resolve(true));
  });
  await new Promise((resolve) => socket.close(resolve));
  return free;
}
