import type { PskCredential } from '../config/psk-policy.js';
import type { HashName } from '../crypto/provider.js';
import type { SessionState } from '../keys/session-state.js';
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
  /** `res`: when the full handshake was, ms since 1970. */
  readonly since: number | undefined;
}

/** One that a client offers. */
export interface OfferedPsk extends Psk13 {
  readonly identity: Uint8Array;
  /** 0 for an external one. */
  readonly obfuscatedTicketAge: number;
}

/** RFC 8446 §4.2.11: the hash is SHA-256 where nothing else was agreed on with the key. */
export function externalPsk(identity: Uint8Array, key: Uint8Array): Psk13 {
  return { key, hash: 'sha256', origin: 'ext', peer: PeerIdentity.keyHolder(identity), since: undefined };
}

/** The one that a ticket stands for. */
export function resumptionPsk({ secret, suite, since }: SessionState, peer: PeerIdentity): Psk13 {
  return { key: secret, hash: suite.hash, origin: 'res', peer, since };
}

export function offerPsk({ identity, key }: PskCredential): OfferedPsk {
  return { ...externalPsk(identity, key), identity, obfuscatedTicketAge: 0 };
}
