import { createSocket } from 'node:dgram';

const handedOut = new Set<number>();

/** A UDP port that was free a moment ago, and that this process gives to nobody else. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await probe();
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

// Bound on all addresses of both families, as gnutls-serv will bind it.
async function probe(): Promise<number> {
  const socket = createSocket('udp6');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '::', resolve);
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => void socket.close(resolve));
  return port;
}
