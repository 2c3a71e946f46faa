import { encounter, Failure, type Plan } from '../exchange.js';
import type { Direction } from '../net/relay.js';
import { refusal } from '../scenes.js';
import { type Case, type Pair, pairName } from './case.js';
import { BASE, whyNot } from './session.js';

const TIMEOUT_MS = 45_000;
const SUPPORTED_VERSIONS = 0x2b;
/** An unknown extension type (RFC 8701). */
const UNKNOWN = 0xfafa;
const DTLS_1_3 = Buffer.from('fefc', 'hex');
const DTLS_1_2 = Buffer.from('fefd', 'hex');

interface Forgery {
  readonly name: string;
  readonly direction: Direction;
  /** Changes the datagram in place. */
  readonly forge: (datagram: Buffer) => void;
}

const FORGERIES: readonly Forgery[] = [
  // The server then takes it for a client of DTLS 1.2, and marks its random (RFC 8446 §4.1.3).
  { name: 'supported_versions hidden from the server', direction: 'to-server', forge: hideVersions },
  { name: "the server's choice replaced by DTLS 1.2", direction: 'to-client', forge: replaceChoice },
];

/** An attacker on the path makes two sides that both support DTLS 1.3 agree on 1.2; the client must notice. */
export function downgradeCases(pair: Pair): Case[] {
  return FORGERIES.map((forgery) => downgradeCase(pair, forgery));
}

function downgradeCase(pair: Pair, { name, direction, forge }: Forgery): Case {
  const { client, server } = pair;
  const plan: Plan = {
    ...BASE,
    attacked: true,
    rewrite: (datagram, towards) => {
      const copy = Buffer.from(datagram);
      if (towards === direction) forge(copy);
      return [copy];
    },
  };
  return {
    name: `${pairName(pair)}, downgrade forged: ${name}`,
    kind: 'refusal',
    ...pair,
    impossible: whyNot(pair, plan),
    slow: false,
    timeout: TIMEOUT_MS,
    async run(pki) {
      return await encounter(client, server, plan, pki, async (both) => {
        const { client: facts } = await refusal(both);
        if (!facts.alertsSent.includes('illegal_parameter')) {
          throw new Failure(
            `the client sent ${facts.alertsSent.join(', ') || 'no alert'} instead of illegal_parameter`,
          );
        }
        return facts.alertsSent.join(', ');
      });
    },
  };
}

function hideVersions(datagram: Buffer): void {
  const at = findVersions(datagram, (length) => length > 3);
  if (at !== undefined) datagram.writeUInt16BE(UNKNOWN, at);
}

function replaceChoice(datagram: Buffer): void {
  const at = findVersions(datagram, (length) => length === 2);
  if (at !== undefined) DTLS_1_2.copy(datagram, at + 4);
}

/** The position of a hello's supported_versions, found by its type, a plausible length, and DTLS 1.3 in it. */
function findVersions(datagram: Buffer, fits: (length: number) => boolean): number | undefined {
  for (let at = 0; at + 6 <= datagram.length; at++) {
    const length = datagram.readUInt16BE(at + 2);
    if (datagram.readUInt16BE(at) !== SUPPORTED_VERSIONS || !fits(length)) continue;
    if (length < 32 && datagram.subarray(at + 4, at + 4 + length).includes(DTLS_1_3)) return at;
  }
  return undefined;
}
