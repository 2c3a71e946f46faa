import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../exchange.js';
import { seededRandom } from '../net/random.js';
import { type Direction, type Passage, Relay } from '../net/relay.js';

const LOSS = 0.25;
/** Of a plaintext record. */
const HANDSHAKE = 22;
/** The same; its last two bytes are a length. */
const HEADER = 13;
const ANSWER_MS = 10_000;

interface Address {
  readonly host: string;
  readonly port: number;
}

/** The path of early data. */
interface Path {
  readonly relay: Relay;
  spoil(): void;
}

/** The treatment of datagrams, from the next ClientHello on. */
export interface Spoilt {
  /** A quarter of them is lost. */
  readonly seed?: number;
  /** Only the ServerHello of the server's first flight arrives. */
  readonly cut?: boolean;
}

/** A relay that loses nothing until it is told to. */
export async function pathTo(server: Address, { seed, cut = false }: Spoilt): Promise<Path> {
  let spoiling = false;
  let toCut = cut;
  let counts: Record<Direction, number> | undefined;
  const lost = (direction: Direction, bytes: Uint8Array): boolean => {
    if (spoiling && isClear('to-server', direction, bytes)) counts ??= { 'to-server': 0, 'to-client': 0 };
    if (counts === undefined || seed === undefined) return false;
    return seededRandom(seed, direction === 'to-server' ? 1 : 2, counts[direction]++)() < LOSS;
  };
  const passing = (bytes: Uint8Array, direction: Direction): Uint8Array[] | undefined => {
    if (lost(direction, bytes)) return [];
    if (!spoiling || !toCut || !isClear('to-client', direction, bytes)) return undefined;
    toCut = false;
    return [firstRecord(bytes)];
  };
  const relay = await Relay.start({ server, rewrite: passing });
  const spoil = () => {
    spoiling = true;
  };
  return { relay, spoil };
}

/** Each side's hello is its only plaintext message, and comes first in its datagram. */
function isClear(wanted: Direction, direction: Direction, bytes: Uint8Array): boolean {
  return direction === wanted && bytes[0] === HANDSHAKE;
}

function firstRecord(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(0, HEADER + (datagram[HEADER - 2] ?? 0) * 0x100 + (datagram[HEADER - 1] ?? 0));
}

/** The ClientHello, and what came with it before an answer. */
export function firstFlight(passages: readonly Passage[]): readonly Passage[] {
  const hello = passages.findIndex(({ direction, bytes }) => isClear('to-server', direction, bytes));
  const answer = passages.findIndex(({ direction }, at) => at > hello && direction === 'to-client');
  return passages.slice(hello, answer);
}

/** From another address, like an attacker on the path. */
export async function replay(flight: readonly Passage[], { host, port }: Address): Promise<void> {
  if (flight.length < 2) throw new Failure(`a first flight of ${flight.length} datagrams`);
  const socket = createSocket('udp4');
  const answered = new Promise<void>((resolve) => socket.once('message', () => resolve()));
  for (const { bytes } of flight) socket.send(bytes, port, host);
  await Promise.race([answered, sleep(ANSWER_MS, undefined, { ref: false })]);
  socket.close();
}
