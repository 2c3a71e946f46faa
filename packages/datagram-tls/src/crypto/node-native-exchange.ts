import { concat, EMPTY, fromBase64, fromHex, sameBytes, toHex } from '../base/bytes.js';
import type { GroupName } from '../wire/codes.js';
import { shareLength } from './groups.js';
import { KNOWN_KEYS } from './node-known-answers.js';
import { requireNative } from './node-native.js';
import { once } from './once.js';
import type { CryptoProvider, KeyExchange, KeyExchangeAnswer } from './provider.js';

/** Groups that native code has. The curve of a hybrid group stays with the platform, beside its ML-KEM. */
export const NATIVE_GROUPS = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'] as const;

type NativeGroup = (typeof NATIVE_GROUPS)[number];

/** Whether native code has a group, and passes its test with known answers. */
export const hasNativeGroup = once((group: GroupName) => isNative(group) && passes(group));

function isNative(group: GroupName): group is NativeGroup {
  return (NATIVE_GROUPS as readonly GroupName[]).includes(group);
}

/** A key pair that native code cannot make, for lack of memory, is one of `base`. */
export function startNativeExchange(base: CryptoProvider, group: GroupName): KeyExchange {
  return (isNative(group) ? NativeExchange.generate(group) : undefined) ?? base.startKeyExchange(group);
}

export function answerNativeExchange(
  base: CryptoProvider,
  group: GroupName,
  peerShare: Uint8Array,
): KeyExchangeAnswer | undefined {
  return isNative(group) ? answerByModule(group, peerShare) : base.answerKeyExchange(group, peerShare);
}

/** In one call, for which no key has to be kept. */
function answerByModule(group: NativeGroup, peerShare: Uint8Array): KeyExchangeAnswer | undefined {
  const { length } = peerShare;
  // Checked before a key pair is made.
  if (length !== shareLength(group, 'client')) return undefined;
  memory.set(peerShare);
  if (!requireNative().answerExchange(group, memory, length)) return undefined;
  const share = memory.slice(0, length);
  const secret = memory.slice(length, length + SECRET_LENGTH[group]);
  memory.fill(0);
  return { share, secret };
}

/** Shares and secrets until they are copied. The longest are those of P-521. */
const memory = new Uint8Array(133 + 66);

/** The private half is in native memory, which is wiped and released when this is collected. */
export class NativeExchange implements KeyExchange {
  readonly group: NativeGroup;
  readonly share: Uint8Array;
  readonly #key: number;

  private constructor(group: NativeGroup, open: (owner: object) => number | undefined) {
    this.group = group;
    this.#key = open(this) ?? NO_KEY;
    this.share = memory.slice(0, shareLength(group, 'server'));
  }

  static generate(group: NativeGroup): NativeExchange | undefined {
    return NativeExchange.#open(group, (owner) => requireNative().generateKey(owner, group, memory));
  }

  /** For tests: of a private key in PKCS#8, without its share. */
  static import(group: NativeGroup, pkcs8: Uint8Array): NativeExchange | undefined {
    return NativeExchange.#open(group, (owner) => requireNative().importPrivateKey(owner, pkcs8));
  }

  static #open(group: NativeGroup, open: (owner: object) => number | undefined): NativeExchange | undefined {
    const made = new NativeExchange(group, open);
    return made.#key === NO_KEY ? undefined : made;
  }

  /** OpenSSL refuses points outside of the curve, and both it and the module all-zero secrets of X25519. */
  finish(peerShare: Uint8Array): Uint8Array | undefined {
    const { length } = peerShare;
    if (length !== shareLength(this.group, 'server')) return undefined;
    memory.set(peerShare);
    if (!requireNative().deriveSecret(this.#key, memory, length)) return undefined;
    const secret = memory.slice(0, SECRET_LENGTH[this.group]);
    memory.fill(0);
    return secret;
  }
}

/** The module has no such key. */
const NO_KEY = 0;

const SECRET_LENGTH: Readonly<Record<NativeGroup, number>> = {
  x25519: 32,
  secp256r1: 32,
  secp384r1: 48,
  secp521r1: 66,
};

interface KnownAnswer {
  /** PKCS#8 up to the private key, whose bytes count from 0. */
  readonly prefix: string;
  /** The end of the peer's share; `undefined`: the base point of X25519. */
  readonly peer: keyof typeof KNOWN_KEYS | undefined;
  /** The start of the secret; made by OpenSSL 3.0. */
  readonly secret: string;
}

const KNOWN_ANSWERS: Readonly<Record<NativeGroup, KnownAnswer>> = {
  x25519: {
    prefix: '302e020100300506032b656e04220420',
    peer: undefined,
    secret: '8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1a',
  },
  secp256r1: {
    prefix: '3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420',
    peer: 'p256',
    secret: 'c9453c84ce0c74a309ce61e5bf9ce1f00da5c2b40af9cf4f',
  },
  secp384r1: {
    prefix: '304e020100301006072a8648ce3d020106052b81040022043730350201010430',
    peer: 'p384',
    secret: '1294b55b9ef478e441ef256195f4c5c973bedb2f1ceecc67',
  },
  secp521r1: {
    prefix: '3060020100301006072a8648ce3d020106052b81040023044930470201010442',
    peer: 'p521',
    secret: '0173aa516770617d4fea90ee4c3c9f0663668804654629ea',
  },
};

/** Computes the known secret, refuses a wrong share, and fresh key pairs agree. */
function passes(group: NativeGroup): boolean {
  const { prefix, peer, secret } = KNOWN_ANSWERS[group];
  const length = shareLength(group, 'server');
  const privateKey = Uint8Array.from({ length: SECRET_LENGTH[group] }, (_, i) => i);
  const known = NativeExchange.import(group, concat(fromHex(prefix) ?? EMPTY, privateKey));
  const share = peer === undefined ? basePoint() : (fromBase64(KNOWN_KEYS[peer]) ?? EMPTY).slice(-length);
  const found = known?.finish(share);
  if (found === undefined || !toHex(found).startsWith(secret)) return false;
  if (known?.finish(wrong(group, share)) !== undefined) return false;
  const [first, second] = [NativeExchange.generate(group), NativeExchange.generate(group)];
  const [one, other] = [first?.finish(second?.share ?? EMPTY), second?.finish(first?.share ?? EMPTY)];
  if (one === undefined || other === undefined || !sameBytes(one, other)) return false;
  const answer = answerByModule(group, first?.share ?? EMPTY);
  const agreed = answer && first?.finish(answer.share);
  return answer !== undefined && agreed !== undefined && sameBytes(agreed, answer.secret);
}

function basePoint(): Uint8Array {
  const point = new Uint8Array(32);
  point[0] = 9;
  return point;
}

/** A point outside of the curve; the point of X25519 whose secrets are all zero. */
function wrong(group: NativeGroup, share: Uint8Array): Uint8Array {
  const changed = group === 'x25519' ? new Uint8Array(share.length) : share.slice();
  if (group !== 'x25519') changed[share.length - 1] = (share.at(-1) ?? 0) ^ 1;
  return changed;
}
