import { concat, EMPTY, utf8 } from '../base/bytes.js';
import {
  type CryptoProvider,
  type Derivation,
  HASH_LENGTH,
  type HashName,
  type MacKey,
} from '../crypto/provider.js';
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

/** The keys of one direction of one epoch. */
export interface TrafficKeys13 {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Empty: suites of DTLS 1.3 have none. */
  readonly mac: Uint8Array;
  /** Record number key (RFC 9147 §4.2.3). */
  readonly sn: Uint8Array;
  /** The traffic secret that they come from. */
  readonly secret: Uint8Array;
}

/** What each side has of a kind, named by its sender. */
interface Sides<Kind> {
  readonly client: Kind;
  readonly server: Kind;
}

/** Of one epoch. */
export type BothKeys13 = Sides<TrafficKeys13>;

export interface HandshakeSecrets13 {
  /** The handshake secret itself, from which the master secret follows. */
  readonly handshakeSecret: Uint8Array;
  readonly keys: BothKeys13;
  /** The key of each side's Finished (RFC 8446 §4.4.4). */
  readonly finished: Sides<Uint8Array>;
}

export interface ApplicationSecrets13 {
  readonly masterSecret: Uint8Array;
  readonly keys: BothKeys13;
  /** The exporter master secret; see keys/exporter. */
  readonly exporter: Uint8Array;
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
  suite: CipherSuite,
  earlySecret: Uint8Array,
  shared: Uint8Array | undefined,
  transcript: Uint8Array,
): HandshakeSecrets13 {
  const { hash } = suite;
  const salt = knownSalt(crypto, hash, earlySecret);
  const plan = planOf(suite, salt === undefined ? 'handshake' : 'handshake after salt');
  const inputs = inputsOf(crypto, hash, shared ?? zeros(hash), transcript);
  const outputs = deriveAll(crypto, hash, salt ?? earlySecret, plan.steps, inputs);
  return {
    handshakeSecret: at(outputs, plan.secret),
    keys: bothKeys(outputs, plan),
    finished: { client: at(outputs, plan.client.finished), server: at(outputs, plan.server.finished) },
  };
}

/** `transcript` ends with the server's Finished. */
export function deriveApplicationSecrets13(
  crypto: CryptoProvider,
  suite: CipherSuite,
  handshakeSecret: Uint8Array,
  transcript: Uint8Array,
): ApplicationSecrets13 {
  const { hash } = suite;
  const plan = planOf(suite, 'application');
  const inputs = inputsOf(crypto, hash, zeros(hash), transcript);
  const outputs = deriveAll(crypto, hash, handshakeSecret, plan.steps, inputs);
  return {
    masterSecret: at(outputs, plan.secret),
    keys: bothKeys(outputs, plan),
    exporter: at(outputs, plan.exporter),
  };
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
  const steps: Derivation[] = [];
  const plan = addKeys(steps, suite, 0);
  const outputs = deriveAll(crypto, suite.hash, trafficSecret, steps, [NO_CONTEXT]);
  return keysAt(outputs, plan, trafficSecret);
}

/** The key of a Finished, or of a PSK's binder when `baseSecret` is a binder key (RFC 8446 §4.4.4, §4.2.11.2). */
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

/** Of the secret without a pre-shared key: a constant. */
function knownSalt(crypto: CryptoProvider, hash: HashName, earlySecret: Uint8Array): Uint8Array | undefined {
  if (earlySecret !== withoutPsk.get(hash)) return undefined;
  const salt =
    saltsWithoutPsk.get(hash) ?? deriveSecret(crypto, hash, earlySecret, 'derived', emptyHash(crypto, hash));
  saltsWithoutPsk.set(hash, salt);
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
  const hashLength = HASH_LENGTH[hash];
  const info = [headOf(label, length), lengthOf(context), context];
  return length <= hashLength
    ? expandBlock(crypto.mac(hash, secret), hashLength, length, ...info)
    : crypto.hkdfExpand(hash, secret, concat(...info), length);
}

/*
 * One step down the schedule, and all that follows from the secret there, are derived at once: a plan has the derivations, and
 * the places of their outputs, counted from 1.
 */

/** The outputs of one side. */
interface SidePlan {
  readonly traffic: number;
  readonly keys: KeysPlan;
  /** Without meaning where the secret is not that of the handshake. */
  readonly finished: number;
}

interface KeysPlan {
  readonly key: number;
  readonly iv: number;
  readonly sn: number;
}

interface Plan {
  readonly steps: readonly Derivation[];
  readonly secret: number;
  readonly client: SidePlan;
  readonly server: SidePlan;
  /** Without meaning where the secret is that of the handshake. */
  readonly exporter: number;
}

type PlanName = 'handshake' | 'handshake after salt' | 'application';

const plans: Readonly<Record<PlanName, Map<CipherSuite, Plan>>> = {
  handshake: new Map(),
  'handshake after salt': new Map(),
  application: new Map(),
};

function planOf(suite: CipherSuite, name: PlanName): Plan {
  const known = plans[name].get(suite);
  if (known !== undefined) return known;
  const plan = makePlan(suite, name);
  plans[name].set(suite, plan);
  return plan;
}

/** Inputs of the derivations: see {@link inputsOf}. Contexts have their length before them. */
const INPUT = { context: 0, secret: 1, transcript: 2, noMessages: 3 } as const;

function inputsOf(
  crypto: CryptoProvider,
  hash: HashName,
  secret: Uint8Array,
  transcript: Uint8Array,
): readonly Uint8Array[] {
  return [NO_CONTEXT, secret, withLength(transcript), withLength(emptyHash(crypto, hash))];
}

/** An empty context. */
const NO_CONTEXT = Uint8Array.of(0);

function withLength(context: Uint8Array): Uint8Array {
  return concat(lengthOf(context), context);
}

function makePlan(suite: CipherSuite, name: PlanName): Plan {
  const length = HASH_LENGTH[suite.hash];
  const steps: Derivation[] = [];
  const add = (from: number, label: string, input: number): number =>
    addLabel(steps, from, label, length, input);
  const salt = name === 'handshake after salt' ? 0 : add(0, 'derived', INPUT.noMessages);
  const secret = steps.push({ from: salt, by: 'hmac', length, head: EMPTY, input: INPUT.secret });
  const isHandshake = name !== 'application';
  const side = (letter: 'c' | 's'): SidePlan => {
    const traffic = add(secret, `${letter} ${isHandshake ? 'hs' : 'ap'} traffic`, INPUT.transcript);
    const keys = addKeys(steps, suite, traffic);
    return { traffic, keys, finished: isHandshake ? add(traffic, 'finished', INPUT.context) : 0 };
  };
  const [client, server] = [side('c'), side('s')];
  const exporter = isHandshake ? 0 : add(secret, 'exp master', INPUT.transcript);
  return { steps, secret, client, server, exporter };
}

/** Returns the place of the output. */
function addLabel(steps: Derivation[], from: number, label: string, length: number, input: number): number {
  return steps.push({ from, by: 'expand', length, head: headOf(label, length), input });
}

function addKeys(steps: Derivation[], { keyLength, fixedIvLength }: CipherSuite, traffic: number): KeysPlan {
  return {
    key: addLabel(steps, traffic, 'key', keyLength, INPUT.context),
    iv: addLabel(steps, traffic, 'iv', fixedIvLength, INPUT.context),
    sn: addLabel(steps, traffic, 'sn', keyLength, INPUT.context),
  };
}

function at(outputs: readonly Uint8Array[], place: number): Uint8Array {
  return outputs[place - 1] as Uint8Array;
}

function bothKeys(outputs: readonly Uint8Array[], { client, server }: Plan): BothKeys13 {
  return {
    client: keysAt(outputs, client.keys, at(outputs, client.traffic)),
    server: keysAt(outputs, server.keys, at(outputs, server.traffic)),
  };
}

function keysAt(
  outputs: readonly Uint8Array[],
  { key, iv, sn }: KeysPlan,
  secret: Uint8Array,
): TrafficKeys13 {
  return { key: at(outputs, key), iv: at(outputs, iv), mac: EMPTY, sn: at(outputs, sn), secret };
}

/** The outputs of `steps` (see {@link MacKey.derive}): in one call, where the platform has it. */
function deriveAll(
  crypto: CryptoProvider,
  hash: HashName,
  key: Uint8Array,
  steps: readonly Derivation[],
  inputs: readonly Uint8Array[],
): Uint8Array[] {
  const first = crypto.mac(hash, key);
  return first.derive?.(steps, inputs) ?? deriveEach(crypto, hash, first, steps, inputs);
}

function deriveEach(
  crypto: CryptoProvider,
  hash: HashName,
  first: MacKey,
  steps: readonly Derivation[],
  inputs: readonly Uint8Array[],
): Uint8Array[] {
  const outputs: Uint8Array[] = [];
  const keys: (MacKey | undefined)[] = [first];
  for (const step of steps) {
    const { from } = step;
    const key = keys[from] ?? crypto.mac(hash, outputs[from - 1] as Uint8Array);
    keys[from] = key;
    outputs.push(deriveOne(key, HASH_LENGTH[hash], step, inputs[step.input] as Uint8Array));
  }
  return outputs;
}

function deriveOne(
  key: MacKey,
  hashLength: number,
  { by, length, head }: Derivation,
  input: Uint8Array,
): Uint8Array {
  return by === 'hmac' ? key.sign(head, input) : expandBlock(key, hashLength, length, head, input);
}

/** HKDF-Expand (RFC 5869 §2.3) for at most the length of the hash, which is all that schedules ask for. */
function expandBlock(key: MacKey, hashLength: number, length: number, ...info: Uint8Array[]): Uint8Array {
  if (length > hashLength) throw new RangeError(`One block has at most ${hashLength} bytes, not ${length}`);
  const block = key.sign(...info, FIRST_BLOCK);
  return block.length === length ? block : block.slice(0, length);
}

/** HKDF counts its blocks from 1 (RFC 5869 §2.3). */
const FIRST_BLOCK = Uint8Array.of(1);

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
