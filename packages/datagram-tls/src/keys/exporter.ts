import { concat, EMPTY } from '../base/bytes.js';
import type { CryptoProvider, HashName } from '../crypto/provider.js';
import { prf12 } from './prf12.js';
import { deriveSecret, hkdfExpandLabel } from './schedule13.js';

/** What an application's keying material is computed from (RFC 5705, RFC 8446 §7.5). */
export type Exporter = Exporter12 | Exporter13;

/** DTLS 1.2 (RFC 5705 §4). */
export class Exporter12 {
  readonly version = 'DTLSv1.2';
  readonly masterSecret: Uint8Array;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;

  constructor(masterSecret: Uint8Array, clientRandom: Uint8Array, serverRandom: Uint8Array) {
    this.masterSecret = masterSecret;
    this.clientRandom = clientRandom;
    this.serverRandom = serverRandom;
  }

  /** An absent context and an empty one differ. The caller has checked that `context` is shorter than 2^16 bytes. */
  export(
    crypto: CryptoProvider,
    hash: HashName,
    label: string,
    context: Uint8Array | undefined,
    length: number,
  ): Uint8Array {
    const master = crypto.mac(hash, this.masterSecret);
    return prf12(master, label, length, this.clientRandom, this.serverRandom, prefixed(context));
  }
}

/** The context with its length in two bytes, or nothing. */
function prefixed(context: Uint8Array | undefined): Uint8Array {
  if (context === undefined) return EMPTY;
  return concat(Uint8Array.of(context.length >>> 8, context.length), context);
}

/** DTLS 1.3 (RFC 8446 §7.5). */
export class Exporter13 {
  readonly version = 'DTLSv1.3';
  /** The exporter master secret, or the early one. */
  readonly exporterSecret: Uint8Array;

  constructor(exporterSecret: Uint8Array) {
    this.exporterSecret = exporterSecret;
  }

  /** An absent context is an empty one. */
  export(
    crypto: CryptoProvider,
    hash: HashName,
    label: string,
    context: Uint8Array | undefined,
    length: number,
  ): Uint8Array {
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
