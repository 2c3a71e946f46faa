import { type DerReader, explicitTag, implicitTag, latin1, Tag } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';

/** GeneralNames by form (RFC 5280 §4.2.1.6). `dns` and `email` hold the bytes as characters, unchecked. */
export interface GeneralNames {
  readonly dns: readonly string[];
  readonly ip: readonly Uint8Array[];
  readonly email: readonly string[];
  readonly directory: readonly DistinguishedName[];
  /** Tags of the forms that are not compared with anything: otherName, URI, registeredID. */
  readonly others: ReadonlySet<number>;
}

/** `[0] otherName`, in which an internationalized mailbox hides (RFC 9598). */
export const OTHER_NAME = explicitTag(0);
const URI = implicitTag(6);
const REGISTERED_ID = implicitTag(8);

export interface GeneralNamesInProgress extends GeneralNames {
  readonly dns: string[];
  readonly ip: Uint8Array[];
  readonly email: string[];
  readonly directory: DistinguishedName[];
  readonly others: Set<number>;
}

export function noNames(): GeneralNamesInProgress {
  return { dns: [], ip: [], email: [], directory: [], others: new Set() };
}

/** `tag`: of the SEQUENCE, which is implicit in some places. */
export function readGeneralNames(reader: DerReader, tag: number = Tag.sequence): GeneralNames {
  const names = noNames();
  reader.inside(tag, (list) => list.each(() => readGeneralName(list, names)));
  return names;
}

/** Reads one GeneralName into `names`. X.400 addresses and EDI party names are taken for malformed: nobody issues them. */
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
