import { setTimeout as sleep } from 'node:timers/promises';
import { type Encounter, Failure } from './exchange.js';
import { answered, reasons } from './moving.js';
import { Attacker, type Target } from './net/attacker.js';
import { seededRandom } from './net/random.js';
import type { Direction, Relay } from './net/relay.js';
import type { Role } from './vocabulary.js';

/** What an attacker who copies one direction's datagrams sends from an address of its own. */
export type Attack =
  | 'copies that arrive first'
  | 'copies that arrive later'
  | 'changed copies that arrive first'
  | 'invented connection IDs';

/** The side whose datagrams are copied, and come to the other from elsewhere. */
export interface Raid {
  readonly attack: Attack;
  readonly of: Role;
  readonly seed: number;
  /** Of the ID that the receiver wants, bytes. */
  readonly length: number;
  /** The client moves in the middle of it. */
  readonly moves: boolean;
  /** The receiver asks at the address before (RFC 9853 §5.2), and sends nothing to the attacker. */
  readonly asksBefore?: boolean;
}

const ATTACKER = '127.0.0.9';
const ELSEWHERE = '127.0.0.2';
const HANDSHAKE_MS = 30_000;
const LINES = 4;
const PAUSE_MS = 60;
const LATER_MS = 20;
/** RFC 9146 §6, RFC 9147 §5.1: to an address that is not validated, this times what came from there. */
const AMPLIFICATION = 3;
const INVENTED = 200;

/**
 * A session that an attacker meddles with, and that has to go on afterwards. Only a copy that arrives first is
 * authentic and new: it may move the other side, but not make it send more than the attacker paid for.
 */
export async function attacked(both: Encounter, raid: Raid): Promise<string> {
  const { relay } = both;
  if (relay === undefined) throw new Failure('an attack needs a relay');
  if (!(await both.client.established(HANDSHAKE_MS)))
    throw new Failure(`no handshake: ${await reasons(both)}`);
  await answered(both, 'ping before', false);
  const attacker = await Attacker.at(ATTACKER);
  try {
    const server = { host: '127.0.0.1', port: both.server.port };
    begin(attacker, relay, server, raid);
    for (let line = 1; line <= LINES; line++) {
      if (raid.moves && line > LINES / 2 && relay.moves === 0) relay.move(ELSEWHERE);
      both.client.send(`ping under attack ${line}`);
      await sleep(PAUSE_MS);
    }
    await sleep(2 * LATER_MS);
    relay.tap = undefined;
    await answered(both, 'ping after', true);
    checkSpoils(attacker, raid);
    return `${attacker.sent} bytes of the attacker, ${attacker.heard} to it`;
  } finally {
    attacker.close();
  }
}

function begin(attacker: Attacker, relay: Relay, server: Target, { attack, of, seed, length }: Raid): void {
  const copied: Direction = of === 'client' ? 'to-server' : 'to-client';
  const random = seededRandom(seed);
  relay.tap = (bytes, direction, clientPort) => {
    if (direction !== copied) return;
    const target = of === 'client' ? server : { host: '127.0.0.1', port: clientPort };
    switch (attack) {
      case 'copies that arrive first':
        return attacker.send(bytes, target);
      case 'copies that arrive later':
        return void setTimeout(() => attacker.send(bytes, target), LATER_MS);
      case 'changed copies that arrive first':
        return attacker.send(changed(bytes, random), target);
      case 'invented connection IDs':
        for (const datagram of inventions(bytes, length, random)) attacker.send(datagram, target);
    }
  };
}

/** One bit of the last sixteen bytes, where the tag is or the record's end. */
function changed(bytes: Uint8Array, random: () => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = copy.length - 1 - Math.floor(random() * Math.min(16, copy.length));
  copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return copy;
}

/** Other IDs in the place of the real one, IDs that are cut off, and headers alone. */
function* inventions(bytes: Uint8Array, length: number, random: () => number): Generator<Uint8Array> {
  const idAt = ((bytes[0] ?? 0) & 0xe0) === 0x20 ? 1 : 11;
  for (let count = 0; count < INVENTED / LINES; count++) {
    const copy = Uint8Array.from(bytes);
    for (let at = 0; at < length; at++) copy[idAt + at] = Math.floor(random() * 256);
    yield copy;
    yield bytes.subarray(0, 1 + Math.floor(random() * (idAt + length + 4)));
  }
}

function checkSpoils({ sent, heard }: Attacker, { attack, asksBefore }: Raid): void {
  if (sent === 0) throw new Failure('the attacker had nothing to copy');
  const allowed = attack === 'copies that arrive first' && asksBefore !== true ? AMPLIFICATION * sent : 0;
  if (heard > allowed) throw new Failure(`the attacker sent ${sent} bytes, and got ${heard}`);
}
