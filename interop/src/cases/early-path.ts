import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../exchange.js';
import { seededRandom } from '../net/random.js';
import { type Direction, type Passage, Relay } from '../net/relay.js';

const LOSS = 0.25;
/** Of a record in the clear. */
const HANDSHAKE = 22;
const ANSWER_MS = 10_000;

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where early data passes. */
interface Path {
  readonly relay: Relay;
  spoil(): void;
}

/** A relay that loses a quarter of the datagrams from the next ClientHello on, once it is told to. */
export async function pathTo(server: Address, seed: number | undefined): Promise<Path> {
  let spoiling = false;
  let counts: Record<Direction, number> | undefined;
  const lost = (direction: Direction, bytes: Uint8Array): boolean => {
    if (spoiling && isClear(direction, bytes)) counts ??= { 'to-server': 0, 'to-client': 0 };
    if (counts === undefined || seed === undefined) return false;
    return seededRandom(seed, direction === 'to-server' ? 1 : 2, counts[direction]++)() < LOSS;
  };
  const relay = await Relay.start({
    server,
    rewrite: (bytes, direction) => (lost(direction, bytes) ? [] : undefined),
  });
  const spoil = () => {
    spoiling = true;
  };
  return { relay, spoil };
}

/** Of a client a ClientHello is all that is in the clear. */
function isClear(direction: Direction, bytes: Uint8Array): boolean {
  return direction === 'to-server' && bytes[0] === HANDSHAKE;
}

/** The ClientHello, and what came with it before an answer. */
export function firstFlight(passages: readonly Passage[]): readonly Passage[] {
  const hello = passages.findIndex(({ direction, bytes }) => isClear(direction, bytes));
  const answer = passages.findIndex(({ direction }, at) => at > hello && direction === 'to-client');
  return passages.slice(hello, answer);
}

/** From another address, as somebody would who heard them pass. */
export async function replay(flight: readonly Passage[], { host, port }: Address): Promise<void> {
  if (flight.length < 2) throw new Failure(`a first flight of ${flight.length} datagrams`);
  const socket = createSocket('udp4');
  const answered = new Promise<void>((resolve) => socket.once('message', () => resolve()));
  for (const { bytes } of flight) socket.send(bytes, port, host);
  await Promise.race([answered, sleep(ANSWER_MS, undefined, { ref: false })]);
  socket.close();
}
