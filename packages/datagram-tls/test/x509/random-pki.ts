import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Random } from '../support/random.js';
import { commonName, encodeCertificate, extension, text, tlv } from './encode.js';

/** Small random PKIs. Most certificates are valid; any of them may have one fault. */
export interface RandomPki {
  /** DER. */
  readonly anchors: readonly Uint8Array[];
  readonly intermediates: readonly Uint8Array[];
  readonly leaves: readonly RandomLeaf[];
}

export interface RandomLeaf {
  readonly der: Uint8Array;
  /** The fault of this certificate itself. */
  readonly fault: string;
}

interface Pair {
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
}

function newPair(curve: string): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  return { privateKey, spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })) };
}

const KEYS = Array.from({ length: 8 }, (_, i) => newPair(i === 7 ? 'P-384' : 'P-256'));
/** 1024 bits: too short to be accepted. */
const WEAK = new Uint8Array(
  generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'der', type: 'spki' }),
);

/** The content of a certificate besides its names. */
interface Draft {
  /** By the last byte of their identifiers. */
  extensions: Map<number, Uint8Array>;
  spki: Uint8Array;
  signer: Pair;
  validity?: [Uint8Array, Uint8Array];
  version?: number;
  subjectName?: Uint8Array;
}

const SERVER_AUTH = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const CLIENT_AUTH = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
const ANY_USAGE = [0x55, 0x1d, 0x25, 0x00];
export const HOSTS = ['a.example', 'b.a.example', 'a.test', 'xa.example', 'example'];
const EMAILS = ['me@a.example', 'you@b.a.example', 'me@a.test'];
const SUBTREES = ['example', 'a.example', '.a.example', 'test', ''];
const MAILBOXES = ['a.example', '.a.example', 'me@a.example'];
/** 192.0.2.0/24 and 192.0.2.64/26. */
const NETWORKS = [
  [192, 0, 2, 0, 255, 255, 255, 0],
  [192, 0, 2, 64, 255, 255, 255, 192],
];

/** No identifier, so that an extension may be there twice. */
const TWICE = -1;

type Entry = readonly [id: number, encoded: Uint8Array];

function entry(id: number, value: Uint8Array, critical = false): Entry {
  return [id, extension(id, value, critical)];
}

function usages(...list: number[][]): Entry {
  return entry(0x25, tlv(0x30, ...list.map((id) => tlv(0x06, id))));
}

function keyUsage(bits: number, critical = true): Entry {
  return entry(0x0f, tlv(0x03, [0, bits]), critical);
}

function constraints(ca: boolean, pathLength?: number): Entry {
  const length = pathLength === undefined ? [] : tlv(0x02, [pathLength]);
  return entry(0x13, tlv(0x30, ca ? tlv(0x01, [0xff]) : [], length), true);
}

function keyId(pair: { readonly spki: Uint8Array }): Uint8Array {
  return pair.spki.slice(-20);
}

function subjectKeyId(spki: Uint8Array): Entry {
  return entry(0x0e, tlv(0x04, keyId({ spki })));
}

function authorityKeyId(pair: { readonly spki: Uint8Array }): Entry {
  return entry(0x23, tlv(0x30, tlv(0x80, keyId(pair))));
}

function generalName(random: Random): Uint8Array {
  switch (random.below(5)) {
    case 0:
      return tlv(0x87, random.pick([...NETWORKS.map((network) => network.slice(0, 4)), [192, 0, 2, 65]]));
    case 1:
      return text(0x81, random.pick(EMAILS));
    case 2:
      return tlv(0xa4, commonName(random.pick(['one', 'two'])));
    default:
      return text(0x82, random.pick(HOSTS));
  }
}

function subtree(random: Random): Uint8Array {
  switch (random.below(6)) {
    case 0:
      return tlv(0x30, tlv(0x87, random.pick(NETWORKS)));
    case 1:
      return tlv(0x30, text(0x81, random.pick(MAILBOXES)));
    case 2:
      return tlv(0x30, tlv(0xa4, random.pick([commonName('one'), tlv(0x30)])));
    case 3:
      // URIs, which neither side can match.
      return tlv(0x30, text(0x86, 'example'));
    default:
      return tlv(0x30, text(0x82, random.pick(SUBTREES)));
  }
}

function nameConstraints(random: Random): Entry {
  const permitted = random.chance(0.6)
    ? tlv(0xa0, subtree(random), ...(random.chance(0.4) ? [subtree(random)] : []))
    : [];
  const excluded = permitted.length === 0 || random.chance(0.3) ? tlv(0xa1, subtree(random)) : [];
  return entry(0x1e, tlv(0x30, permitted, excluded), random.chance(0.8));
}

type Fault = (draft: Draft, random: Random) => void;

/** What may be wrong, or odd, with any certificate. */
const READABLE: Readonly<Record<string, Fault>> = {
  'another signer': (draft, random) => {
    draft.signer = random.pick(KEYS);
  },
  'a weak key': (draft) => {
    draft.spki = WEAK;
  },
  'not valid yet': (draft) => {
    draft.validity = [text(0x17, '400101000000Z'), text(0x17, '490101000000Z')];
  },
  expired: (draft) => {
    draft.validity = [text(0x17, '200101000000Z'), text(0x17, '210101000000Z')];
  },
  'an unknown critical extension': (draft) => {
    draft.extensions.set(...entry(0x70, tlv(0x05), true));
  },
  'an unknown extension': (draft) => {
    draft.extensions.set(...entry(0x70, tlv(0x05)));
  },
  'the key identifier of another issuer': (draft, random) => {
    draft.extensions.set(...authorityKeyId(random.pick(KEYS)));
  },
  'the key usage of another purpose': (draft, random) => {
    draft.extensions.set(...keyUsage(random.pick([0x20, 0x02, 0x40, 0x08, 0x84]), random.chance(0.5)));
  },
  'extended key usages': (draft, random) => {
    draft.extensions.set(
      ...usages(...random.pick([[CLIENT_AUTH], [ANY_USAGE], [CLIENT_AUTH, SERVER_AUTH], []])),
    );
  },
  'basic constraints that contradict': (draft, random) => {
    draft.extensions.set(...constraints(random.chance(0.5), random.pick([undefined, 0, 1])));
  },
  'name constraints': (draft, random) => {
    draft.extensions.set(...nameConstraints(random));
  },
  'an empty subject': (draft) => {
    draft.subjectName = tlv(0x30);
  },
};

const FAULTS: Readonly<Record<string, Fault>> = {
  ...READABLE,
  'an extension twice': (draft) => {
    draft.extensions.set(...keyUsage(0x84)).set(TWICE, keyUsage(0x84)[1]);
  },
  'version 1 with extensions': (draft) => {
    draft.version = 0;
  },
};

/** `random` decides everything but the keys. */
export function randomPki(random: Random): RandomPki {
  const names = ['Root 0', 'Root 1', 'CA 0', 'CA 1', 'CA 2', 'CA 3'];
  const keyOf = new Map(names.map((name) => [name, random.pick(KEYS)]));
  let serial = 0;

  const make = (subject: string, issuer: string, draft: Draft): Uint8Array => {
    const { spki, signer, extensions, ...rest } = draft;
    return encodeCertificate(
      { subject, issuer, spki, extensions: [...extensions.values()], serial: ++serial & 0x7f, ...rest },
      (tbs) => sign('sha256', tbs, signer.privateKey),
    );
  };
  const key = (name: string): Pair => keyOf.get(name) ?? random.pick(KEYS);
  const ca = (subject: string, issuer: string): Uint8Array => {
    const draft: Draft = { extensions: new Map(), spki: key(subject).spki, signer: key(issuer) };
    if (random.chance(0.95))
      draft.extensions.set(...constraints(true, random.pick([undefined, undefined, undefined, 0, 1, 2])));
    if (random.chance(0.7)) draft.extensions.set(...keyUsage(0x06));
    if (random.chance(0.7)) draft.extensions.set(...subjectKeyId(draft.spki));
    if (random.chance(0.5)) draft.extensions.set(...authorityKeyId(draft.signer));
    if (random.chance(0.15)) draft.extensions.set(...nameConstraints(random));
    if (random.chance(0.1)) draft.subjectName = commonName(subject.toUpperCase(), 0x13);
    // One that cannot be read would have all chains refused.
    if (random.chance(0.15)) spoil(draft, random, READABLE);
    return make(subject, issuer, draft);
  };
  const leaf = (issuer: string): RandomLeaf => {
    const draft: Draft = { extensions: new Map(), spki: random.pick(KEYS).spki, signer: key(issuer) };
    draft.extensions.set(
      ...entry(0x11, tlv(0x30, ...Array.from({ length: random.between(1, 3) }, () => generalName(random)))),
    );
    if (random.chance(0.5)) draft.extensions.set(...constraints(false));
    if (random.chance(0.5)) draft.extensions.set(...keyUsage(0x80));
    if (random.chance(0.5)) draft.extensions.set(...usages(SERVER_AUTH));
    if (random.chance(0.5)) draft.extensions.set(...authorityKeyId(draft.signer));
    const fault = random.chance(0.3) ? spoil(draft, random, FAULTS) : 'nothing';
    const subject = random.pick(['one', 'two', 'a.example', issuer]);
    return { der: make(subject, issuer, draft), fault };
  };

  const roots = ['Root 0', 'Root 1'].map((name) => ca(name, random.chance(0.9) ? name : 'Root 1'));
  const intermediates = Array.from({ length: random.between(4, 9) }, () => {
    const at = random.between(2, 5);
    // Mostly from the layer above; sometimes from below, from beside, or from itself.
    const issuer = random.chance(0.85) ? random.pick(names.slice(0, at)) : random.pick(names);
    return ca(names[at] as string, issuer);
  });
  const trusted = random.pick([roots, roots.slice(0, 1), [...roots, ...intermediates.slice(0, 1)]]);
  const offered = random.chance(0.3) ? [...roots, ...intermediates] : intermediates;
  return {
    anchors: trusted,
    intermediates: random.shuffled(offered),
    leaves: Array.from({ length: 8 }, () => leaf(random.pick(names.slice(random.below(4))))),
  };
}

function spoil(draft: Draft, random: Random, faults: Readonly<Record<string, Fault>>): string {
  const [name, fault] = random.pick(Object.entries(faults));
  fault(draft, random);
  return name;
}
