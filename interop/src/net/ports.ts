import { createSocket } from 'node:dgram';

const handedOut = new Set<number>();

/** A UDP port that was free a moment ago, and that this process uses only once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await probe();
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

/** The first of two such ports in a row. */
export async function freePortPair(): Promise<number> {
  for (;;) {
    const first = await freePort();
    const second = await probe(first + 1).catch(() => undefined);
    if (second === undefined || handedOut.has(second)) continue;
    handedOut.add(second);
    return first;
  }
}

// Bound on all addresses of both families, as gnutls-serv binds it.
async function probe(wanted = 0): Promise<number> {
  const socket = createSocket('udp6');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(wanted, '::', resolve);
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => void socket.close(resolve));
  return port;
}
