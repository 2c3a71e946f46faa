import type { Role } from '#lib/config/config.js';
import { createHeader, readHeader } from '#lib/record/header.js';
import { ContentType, handshakeTypeName } from '#lib/wire/codes.js';
import { readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';

export type PacketFate =
  | 'delivered'
  | 'lost'
  | 'too big'
  | 'damaged'
  | 'copied'
  | 'withheld'
  | 'refused'
  | 'injected';

interface PacketNote {
  readonly at: number;
  readonly from: Role;
  readonly data: Uint8Array;
  readonly fate: PacketFate;
}

/** A flood would fill the memory, and the last datagrams explain the failure. */
const MAX_NOTES = 400;

/** The datagrams on the wire, to explain a failure. */
export class PacketTrace {
  #notes: PacketNote[] = [];

  add(at: number, from: Role, data: Uint8Array, fate: PacketFate): void {
    this.#notes.push({ at, from, data, fate });
    if (this.#notes.length >= 2 * MAX_NOTES) this.#notes = this.#notes.slice(MAX_NOTES);
  }

  toString(): string {
    return this.#notes
      .map(({ at, from, data, fate }) => {
        const time = `${at.toFixed(1)} ms`.padStart(12);
        const way = from === 'client' ? 'client → server' : 'server → client';
        return `${time}  ${way}  ${String(data.length).padStart(5)} B  ${fate.padEnd(9)}  ${describeDatagram(data)}`;
      })
      .join('\n');
  }
}

const typeNames = new Map<number, string>(Object.entries(ContentType).map(([name, code]) => [code, name]));

/** Its records: `type epoch/sequence`, and of plaintext handshake records each fragment. */
export function describeDatagram(datagram: Uint8Array): string {
  const header = createHeader();
  const parts: string[] = [];
  for (let offset = 0; offset < datagram.length; offset = header.end) {
    const reason = readHeader(datagram, offset, header);
    if (reason !== undefined) {
      parts.push(`<${reason}>`);
      break;
    }
    const name = header.unified ? 'protected' : (typeNames.get(header.type) ?? `type ${header.type}`);
    const body = datagram.subarray(header.bodyStart, header.end);
    const open = header.epoch === 0 && header.type === ContentType.handshake ? ` ${fragments(body)}` : '';
    parts.push(`${name} ${header.epoch}/${header.sequence}${open}`);
  }
  return parts.join(', ');
}

function fragments(body: Uint8Array): string {
  const all = readHandshakeFragments(body);
  if (all === undefined) return '<malformed>';
  return all
    .map((f) => {
      const whole = f.fragmentLength === f.length;
      const range = whole ? '' : `[${f.fragmentOffset}+${f.fragmentLength}/${f.length}]`;
      return `${handshakeTypeName(f.type)}#${f.messageSeq}${range}`;
    })
    .join(' ');
}
