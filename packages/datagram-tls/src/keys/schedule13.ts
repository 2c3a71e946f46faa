import { concat, EMPTY, utf8 } from '../base/bytes.js';
import { type CryptoProvider, HASH_LENGTH, type HashName, type MacKey } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import { Writer } from '../wire/cursor.js';
import type { KdfHash } from '../wire/imported-identity.js';

/*
 * The key schedule of RFC 8446 §7.1, top to bottom, with the labels of RFC 9147 §5.9:
 *
 *   1. early secret        from the PSK, or zeros     -> binder keys, early traffic, early exporter
 *   2. handshake secret    from the key exchange      -> handshake traffic of both sides
 *   3. master secret       from zeros                 -> application traffic of both sides, exporter, resumption
 *
 * A "transcript" is always the hash of the handshake messages up to the point that the function names.
 * Every secret is as long as the hash; the caller owns the bytes.
 */

/** A secret for each side, named by its sender. */
export interface TrafficSecrets13 {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

export interface HandshakeSecrets13 extends TrafficSecrets13 {
  /** The handshake secret itself, from which the master secret follows. */
  readonly handshakeSecret: Uint8Array;
}

export interface ApplicationSecrets13 extends TrafficSecrets13 {
  readonly masterSecret: Uint8Array;
  /** The exporter master secret; see keys/exporter. */
  readonly exporter: Uint8Array;
}

/** The keys of one direction of one epoch. */
interface TrafficKeys13 {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Empty: suites of DTLS 1.3 have none. */
  readonly mac: Uint8Array;
  /** Record number key (RFC 9147 §4.2.3). */
  readonly sn: Uint8Array;
  /** The traffic secret that they come from. */
  readonly secret: Uint8Array;
}

export function deriveEarlySecret13(
  crypto: CryptoProvider,
  hash: HashName,
  psk: Uint8Array | undefined,
): Uint8Array {
  if (psk !== undefined) return hkdfExtract(crypto, hash, EMPTY, psk);
  const known = withoutPsk.get(hash) ?? hkdfExtract(crypto, hash, EMPTY, zeros(hash));
  withoutPsk.set(hash, known);
  return known;
}

/** Early secrets without a pre-shared key, and the salts that follow from them: constants of each hash. */
const withoutPsk = new Map<HashName, Uint8Array>();
const saltsWithoutPsk = new Map<HashName, Uint8Array>();

/**
 * Proves a PSK in the ClientHello: `ext` for an external PSK, `imp` for an imported one (RFC 9258 §5.2), `res` for a
 * resumed session's.
 */
export function deriveBinderKey13(
  crypto: CryptoProvider,
  hash: HashName,
  earlySecret: Uint8Array,
  origin: 'ext' | 'imp' | 'res',
): Uint8Array {
  return deriveSecret(crypto, hash, earlySecret, `${origin} binder`, emptyHash(crypto, hash));
}

/** `transcript` ends with the ClientHello. */
export function deriveEarlyTrafficSecret13(
  crypto: CryptoProvider,
  hash: HashName,
  earlySecret: Uint8Array,
  transcript: Uint8Array,
): Uint8Array {
  return deriveSecret(crypto, hash, earlySecret, 'c e traffic', transcript);
}

/** `transcript` ends with the ClientHello. */
export function deriveEarlyExporterSecret13(
  crypto: CryptoProvider,
  hash: HashName,
  earlySecret: Uint8Array,
  transcript: Uint8Array,
): Uint8Array {
  return deriveSecret(crypto, hash, earlySecret, 'e exp master', transcript);
}

/** `shared` is the key exchange's secret, absent where a PSK is used alone; `transcript` ends with the ServerHello. */
export function deriveHandshakeSecrets13(
  crypto: CryptoProvider,
  hash: HashName,
  earlySecret: Uint8Array,
  shared: Uint8Array | undefined,
  transcript: Uint8Array,
): HandshakeSecrets13 {
  const handshakeSecret = nextSecret(crypto, hash, earlySecret, shared ?? zeros(hash));
  const from = crypto.mac(hash, handshakeSecret);
  const length = HASH_LENGTH[hash];
  const heads = [headOf('c hs traffic', length), headOf('s hs traffic', length)] as const;
  const [client, server] = expandEach(from, heads, transcript);
  return { handshakeSecret, client, server };
}

/** `transcript` ends with the server's Finished. */
export function deriveApplicationSecrets13(
  crypto: CryptoProvider,
  hash: HashName,
  handshakeSecret: Uint8Array,
  transcript: Uint8Array,
): ApplicationSecrets13 {
  const masterSecret = nextSecret(crypto, hash, handshakeSecret, zeros(hash));
  const from = crypto.mac(hash, masterSecret);
  const length = HASH_LENGTH[hash];
  const heads = [
    headOf('c ap traffic', length),
    headOf('s ap traffic', length),
    headOf('exp master', length),
  ] as const;
  const [client, server, exporter] = expandEach(from, heads, transcript);
  return { masterSecret, client, server, exporter };
}

/** `transcript` ends with the client's Finished. */
export function deriveResumptionSecret13(
  crypto: CryptoProvider,
  hash: HashName,
  masterSecret: Uint8Array,
  transcript: Uint8Array,
): Uint8Array {
  return deriveSecret(crypto, hash, masterSecret, 'res master', transcript);
}

/** The PSK of a ticket (RFC 8446 §4.6.1). */
export function deriveTicketPsk13(
  crypto: CryptoProvider,
  hash: HashName,
  resumptionSecret: Uint8Array,
  ticketNonce: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(crypto, hash, resumptionSecret, 'resumption', ticketNonce, HASH_LENGTH[hash]);
}

/** The traffic secret of the next epoch, after a KeyUpdate (RFC 8446 §7.2). */
export function deriveNextTrafficSecret13(
  crypto: CryptoProvider,
  hash: HashName,
  trafficSecret: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(crypto, hash, trafficSecret, 'traffic upd', EMPTY, HASH_LENGTH[hash]);
}

/** RFC 8446 §7.3 and RFC 9147 §4.2.3. */
export function deriveTrafficKeys13(
  crypto: CryptoProvider,
  suite: CipherSuite,
  trafficSecret: Uint8Array,
): TrafficKeys13 {
  const { hash, keyLength, fixedIvLength } = suite;
  const from = crypto.mac(hash, trafficSecret);
  const heads = [headOf('key', keyLength), headOf('iv', fixedIvLength), headOf('sn', keyLength)] as const;
  const [key, iv, sn] = expandEach(from, heads, EMPTY);
  return { key, iv, mac: EMPTY, sn, secret: trafficSecret };
}

/**
 * The content of Finished, or a PSK's binder when `baseSecret` is a binder key (RFC 8446 §4.4.4, §4.2.11.2).
 * Otherwise it is the sender's handshake traffic secret.
 */
export function deriveVerifyData13(
  crypto: CryptoProvider,
  hash: HashName,
  baseSecret: Uint8Array,
  transcript: Uint8Array,
): Uint8Array {
  return deriveFinishedKey13(crypto, hash, baseSecret).sign(transcript);
}

/** The key of {@link deriveVerifyData13}. */
export function deriveFinishedKey13(crypto: CryptoProvider, hash: HashName, baseSecret: Uint8Array): MacKey {
  return crypto.mac(hash, hkdfExpandLabel(crypto, hash, baseSecret, 'finished', EMPTY, HASH_LENGTH[hash]));
}

/** Derive-Secret, with the hash of its messages (RFC 8446 §7.1). */
export function deriveSecret(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  transcript: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(crypto, hash, secret, label, transcript, HASH_LENGTH[hash]);
}

/** One step down the schedule. */
function nextSecret(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array,
  input: Uint8Array,
): Uint8Array {
  return hkdfExtract(crypto, hash, saltAfter(crypto, hash, secret), input);
}

function saltAfter(crypto: CryptoProvider, hash: HashName, secret: Uint8Array): Uint8Array {
  const isConstant = secret === withoutPsk.get(hash);
  const known = isConstant ? saltsWithoutPsk.get(hash) : undefined;
  if (known !== undefined) return known;
  const salt = deriveSecret(crypto, hash, secret, 'derived', emptyHash(crypto, hash));
  if (isConstant) saltsWithoutPsk.set(hash, salt);
  return salt;
}

const emptyHashes = new Map<HashName, Uint8Array>();

/** The transcript hash of no messages. Callers must not change it. */
function emptyHash(crypto: CryptoProvider, hash: HashName): Uint8Array {
  const digest = emptyHashes.get(hash) ?? crypto.hash(hash).digest();
  emptyHashes.set(hash, digest);
  return digest;
}

function zeros(hash: HashName): Uint8Array {
  return new Uint8Array(HASH_LENGTH[hash]);
}

/**
 * The pre-shared key of an imported identity (RFC 9258 §5.1). `hash` belongs to the external key, `target` to the
 * suites that use the result; `identity` is the imported identity, encoded.
 */
export function deriveImportedPsk13(
  crypto: CryptoProvider,
  key: Uint8Array,
  hash: KdfHash,
  identity: Uint8Array,
  target: KdfHash,
): Uint8Array {
  const extracted = hkdfExtract(crypto, hash, new Uint8Array(HASH_LENGTH[hash]), key);
  const digest = crypto.hash(hash);
  digest.update(identity);
  return hkdfExpandLabel(crypto, hash, extracted, 'derived psk', digest.digest(), HASH_LENGTH[target]);
}

/** DTLS 1.3 has six letters and no space where TLS 1.3 has "tls13 " (RFC 9147 §5.9). */
const PREFIX = 'dtls13';

/** HKDF counts its blocks from 1 (RFC 5869 §2.3). */
const FIRST_BLOCK = Uint8Array.of(1);

export function hkdfExtract(
  crypto: CryptoProvider,
  hash: HashName,
  salt: Uint8Array,
  input: Uint8Array,
): Uint8Array {
  return crypto.mac(hash, salt).sign(input);
}

/** HKDF-Expand-Label (RFC 8446 §7.1). Throws a `RangeError` when label or context are too long for their one-byte lengths. */
export function hkdfExpandLabel(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  if (length <= HASH_LENGTH[hash])
    return expandBlock(crypto.mac(hash, secret), headOf(label, length), context);
  const info = concat(headOf(label, length), lengthOf(context), context);
  return crypto.hkdfExpand(hash, secret, info, length);
}

/** The same for at most the length of the hash, the usual case, with a secret that is already an HMAC key. */
function expandBlock(secret: MacKey, head: Uint8Array, context: Uint8Array): Uint8Array {
  const length = ((head[0] as number) << 8) | (head[1] as number);
  const block = secret.sign(head, lengthOf(context), context, FIRST_BLOCK);
  return block.length === length ? block : block.slice(0, length);
}

/** For several labels with one context: in one call, where the platform has it. */
function expandEach<Heads extends readonly Uint8Array[]>(
  secret: MacKey,
  heads: Heads,
  context: Uint8Array,
): { readonly [Index in keyof Heads]: Uint8Array } {
  const made =
    secret.expandLabels?.(heads, context) ?? heads.map((head) => expandBlock(secret, head, context));
  return made as unknown as { readonly [Index in keyof Heads]: Uint8Array };
}

/** The labels of the key schedule, which each handshake uses; labels of an application's exporters are not included. */
const FIXED_LABELS = new Set([
  ...['derived', 'c hs traffic', 's hs traffic', 'c ap traffic', 's ap traffic', 'exp master', 'res master'],
  ...['resumption', 'res binder', 'finished', 'key', 'iv', 'sn', 'traffic upd'],
]);

/** By label, then by length, of which each label has few. */
const heads = new Map<string, Uint8Array[]>();

/** An `HkdfLabel` up to its context. */
function headOf(label: string, length: number): Uint8Array {
  const ofLabel = heads.get(label);
  if (ofLabel !== undefined) for (const head of ofLabel) if (isFor(head, length)) return head;
  const head = encodeHead(label, length);
  if (FIXED_LABELS.has(label)) heads.set(label, [...(ofLabel ?? []), head]);
  return head;
}

/** Its first two bytes are the length. */
function isFor(head: Uint8Array, length: number): boolean {
  return head[0] === length >>> 8 && head[1] === (length & 0xff);
}

function encodeHead(label: string, length: number): Uint8Array {
  return new Writer()
    .u16(length)
    .vec8(utf8(PREFIX + label))
    .finish();
}

function lengthOf(context: Uint8Array): Uint8Array {
  if (context.length > 0xff) throw new RangeError(`A context has at most 255 bytes, not ${context.length}`);
  return LENGTHS[context.length] as Uint8Array;
}

/** Each length of a context in its one byte. */
const LENGTHS = /* @__PURE__ */ Array.from({ length: 0x100 }, (_, length) => Uint8Array.of(length));
