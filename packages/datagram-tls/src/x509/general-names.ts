import { type DerReader, explicitTag, implicitTag, latin1, Tag } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';

/** GeneralNames by form (RFC 5280 §4.2.1.6). `dns` and `email` hold the bytes as characters, unchecked. */
export interface GeneralNames {
  readonly dns: readonly string[];
  readonly ip: readonly Uint8Array[];
  readonly email: readonly string[];
  readonly directory: readonly DistinguishedName[];
  /** Tags of the forms that are not compared: otherName, URI, registeredID. */
  readonly others: ReadonlySet<number>;
}

/** `[0] otherName`, which may contain an internationalized mailbox (RFC 9598). */
export const OTHER_NAME = explicitTag(0);
const URI = implicitTag(6);
const REGISTERED_ID = implicitTag(8);

interface GeneralNamesInProgress extends GeneralNames {
  readonly dns: string[];
  readonly ip: Uint8Array[];
  readonly email: string[];
  readonly directory: DistinguishedName[];
  readonly others: Set<number>;
}

export function noNames(): GeneralNamesInProgress {
  return { dns: [], ip: [], email: [], directory: [], others: new Set() };
}

/** `tag` is that of the SEQUENCE, which is implicit in some places. */
export function readGeneralNames(reader: DerReader, tag: number = Tag.sequence): GeneralNames {
  const names = noNames();
  reader.inside(tag, (list) => list.each(() => readGeneralName(list, names)));
  return names;
}

/** Reads one GeneralName into `names`. X.400 addresses and EDI party names count as malformed: they are not in use. */
export function readGeneralName(reader: DerReader, names: GeneralNamesInProgress): void {
  const tag = reader.tag;
  if (tag === implicitTag(1)) names.email.push(latin1(reader.content(tag)));
  else if (tag === implicitTag(2)) names.dns.push(latin1(reader.content(tag)));
  else if (tag === implicitTag(7)) names.ip.push(reader.content(tag));
  else if (tag === explicitTag(4)) names.directory.push(reader.inside(tag, readName));
  else readOther(reader, tag, names);
}

function readOther(reader: DerReader, tag: number, names: GeneralNamesInProgress): void {
  names.others.add(tag);
  if (tag === URI) reader.content(tag);
  else if (tag === REGISTERED_ID) reader.oid(tag);
  else {
    reader.inside(OTHER_NAME, (name) => {
      name.oid();
      name.inside(explicitTag(0), (value) => value.element());
    });
  }
}

/**
 * The 4 or 16 bytes of an IP address literal; `undefined` for host names. A zone (`%eth0`) is not part of the
 * address.
 */
export function parseIp(text: string): Uint8Array | undefined {
  return parseV4(text) ?? parseV6(text.replace(/%[^%]+$/, ''));
}

function parseV4(text: string): Uint8Array | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text) || /(^|\.)0\d/.test(text)) return undefined;
  const bytes = text.split('.').map(Number);
  return bytes.every((byte) => byte < 256) ? Uint8Array.from(bytes) : undefined;
}

/** RFC 4291 §2.2: eight groups, `::` for a run of zeros, optionally the last 32 bits in dotted decimal. */
function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (!text.includes(':') || halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => parseGroups(half, i === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])]);
}

function parseGroups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    const v4 = isLast && i === groups.length - 1 ? parseV4(group) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}
