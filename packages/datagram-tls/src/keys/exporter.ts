import { concat, EMPTY, utf8 } from '../base/bytes.js';
import { callerError } from '../base/errors.js';
import { type Packed, pack, unpack } from '../base/packed.js';
import { type CryptoProvider, HASH_LENGTH, type HashName } from '../crypto/provider.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { prf12 } from './prf12.js';
import { deriveSecret, hkdfExpandLabel } from './schedule13.js';

/** What an application's keying material is computed from (RFC 5705, RFC 8446 §7.5). */
export type Exporter = Exporter12 | Exporter13;

/** The labels of the handshake itself. As in OpenSSL no exported label may begin with one. */
const RESERVED_LABELS = [
  'client finished',
  'server finished',
  'master secret',
  'extended master secret',
  'key expansion',
];

/** Of DTLS 1.2, bytes (RFC 5246 §8.1, §7.4.1.2). */
const MASTER_LENGTH = 48;
const RANDOM_LENGTH = 32;

/** Until they are packed: an array of so many bytes for each would be outside of the heap. */
const draft12 = new Uint8Array(MASTER_LENGTH + 2 * RANDOM_LENGTH);

/** DTLS 1.2 (RFC 5705 §4). */
export class Exporter12 {
  readonly version = 'DTLSv1.2';
  /** The master secret and the randoms of client and server. */
  readonly #all: Packed;

  constructor(masterSecret: Uint8Array, clientRandom: Uint8Array, serverRandom: Uint8Array) {
    draft12.set(masterSecret);
    draft12.set(clientRandom, MASTER_LENGTH);
    draft12.set(serverRandom, MASTER_LENGTH + RANDOM_LENGTH);
    this.#all = pack(draft12);
    draft12.fill(0);
  }

  get masterSecret(): Uint8Array {
    return unpack(this.#all).subarray(0, -2 * RANDOM_LENGTH);
  }

  get clientRandom(): Uint8Array {
    return unpack(this.#all).subarray(-2 * RANDOM_LENGTH, -RANDOM_LENGTH);
  }

  get serverRandom(): Uint8Array {
    return unpack(this.#all).subarray(-RANDOM_LENGTH);
  }

  static restore(r: Reader): Exporter12 {
    return new Exporter12(r.bytes(MASTER_LENGTH), r.bytes(RANDOM_LENGTH), r.bytes(RANDOM_LENGTH));
  }

  save(w: Writer): void {
    w.bytes(unpack(this.#all));
  }

  /**
   * An absent context and an empty one differ. The caller has checked that `context` is shorter than 2^16 bytes. Throws
   * `ERR_CRYPTO_OPERATION_FAILED` for a label of the handshake.
   */
  export(
    crypto: CryptoProvider,
    hash: HashName,
    label: string,
    context: Uint8Array | undefined,
    length: number,
  ): Uint8Array {
    const reserved = RESERVED_LABELS.find((own) => label.startsWith(own));
    if (reserved !== undefined)
      throw failed(`a label must not begin with '${reserved}', a label of the handshake`);
    const master = crypto.mac(hash, this.masterSecret);
    return prf12(master, label, length, this.clientRandom, this.serverRandom, prefixed(context));
  }
}

/** The context with its length in two bytes, or nothing. */
function prefixed(context: Uint8Array | undefined): Uint8Array {
  if (context === undefined) return EMPTY;
  return concat(Uint8Array.of(context.length >>> 8, context.length), context);
}

function failed(reason: string): Error {
  return callerError('ERR_CRYPTO_OPERATION_FAILED', `Keying material cannot be exported: ${reason}`);
}

/** The label's length field in HkdfLabel has one byte, and "tls13 " stands before the label (RFC 8446 §7.1). */
const MAX_LABEL = 255 - 6;
/** HKDF-Expand makes at most this many blocks (RFC 5869 §2.3). */
const MAX_BLOCKS = 255;

/** DTLS 1.3 (RFC 8446 §7.5). */
export class Exporter13 {
  readonly version = 'DTLSv1.3';
  readonly #exporterSecret: Packed;

  constructor(exporterSecret: Uint8Array) {
    this.#exporterSecret = pack(exporterSecret);
  }

  /** The exporter master secret, or the early one. */
  get exporterSecret(): Uint8Array {
    return unpack(this.#exporterSecret);
  }

  static restore(r: Reader): Exporter13 {
    return new Exporter13(r.vec8());
  }

  save(w: Writer): void {
    w.vec8(unpack(this.#exporterSecret));
  }

  /**
   * An absent context is an empty one. Throws `ERR_CRYPTO_OPERATION_FAILED` for more than 255 blocks of the hash (8,160
   * bytes of SHA-256, 12,240 of SHA-384), and for a label of more than 249 bytes.
   */
  export(
    crypto: CryptoProvider,
    hash: HashName,
    label: string,
    context: Uint8Array | undefined,
    length: number,
  ): Uint8Array {
    const most = MAX_BLOCKS * HASH_LENGTH[hash];
    if (length > most)
      throw failed(`DTLS 1.3 gives at most ${most} bytes with this cipher suite, not ${length}`);
    if (utf8(label).length > MAX_LABEL)
      throw failed(`a label has at most ${MAX_LABEL} bytes in DTLS 1.3, not ${utf8(label).length}`);
    const secret = deriveSecret(crypto, hash, this.exporterSecret, label, digestOf(crypto, hash, EMPTY));
    return hkdfExpandLabel(
      crypto,
      hash,
      secret,
      'exporter',
      digestOf(crypto, hash, context ?? EMPTY),
      length,
    );
  }
}

function digestOf(crypto: CryptoProvider, hash: HashName, data: Uint8Array): Uint8Array {
  const running = crypto.hash(hash);
  running.update(data);
  return running.digest();
}
