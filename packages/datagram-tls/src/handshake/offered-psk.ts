import type { PskCredential } from '../config/psk-policy.js';
import type { HashName } from '../crypto/provider.js';
import { PeerIdentity } from './authenticate.js';

/** A pre-shared key of DTLS 1.3 and what belongs to it (RFC 8446 §4.2.11). */
export interface Psk13 {
  readonly key: Uint8Array;
  /** Only suites with this hash can use it. */
  readonly hash: HashName;
  /** `ext`: agreed on outside of the protocol; `res`: by a session before. */
  readonly origin: 'ext' | 'res';
  /** Who the peer is if it has the key, too. */
  readonly peer: PeerIdentity;
}

/** One that a client offers. */
export interface OfferedPsk extends Psk13 {
  readonly identity: Uint8Array;
  /** 0 for an external one. */
  readonly obfuscatedTicketAge: number;
}

/** RFC 8446 §4.2.11: the hash is SHA-256 where nothing else was agreed on with the key. */
export function externalPsk(identity: Uint8Array, key: Uint8Array): Psk13 {
  return { key, hash: 'sha256', origin: 'ext', peer: PeerIdentity.keyHolder(identity) };
}

export function offerPsk({ identity, key }: PskCredential): OfferedPsk {
  return { ...externalPsk(identity, key), identity, obfuscatedTicketAge: 0 };
}
