import type { PskCredential, PskImport, Security } from '../config/config.js';
import type { CryptoProvider, HashName } from '../crypto/provider.js';
import type { SessionState } from '../keys/resumption-state.js';
import { deriveEarlySecret13, deriveImportedPsk13 } from '../keys/schedule13.js';
import { encodeImportedIdentity, Kdf, type KdfHash } from '../wire/imported-identity.js';
import { FACTS_13 } from '../wire/version.js';
import { PeerIdentity } from './authenticate.js';
import { suitesOf } from './negotiate.js';
import type { OldSession } from './resumption.js';

/** A pre-shared key of DTLS 1.3 and its attributes (RFC 8446 §4.2.11). */
export interface Psk13 {
  readonly key: Uint8Array;
  /** Only suites with this hash can use it. */
  readonly hash: HashName;
  /** `ext`: external; `imp`: imported; `res`: from an earlier session. */
  readonly origin: 'ext' | 'imp' | 'res';
  /** The identity of a peer with this key. */
  readonly peer: PeerIdentity;
  /** `res`: when the full handshake was, ms since 1970. */
  readonly since: number | undefined;
}

const earlySecrets = new WeakMap<Psk13, Uint8Array>();

/** The early secret of a key: its binders need it, and then the handshake. */
export function earlySecretOf(provider: CryptoProvider, psk: Psk13): Uint8Array {
  const known = earlySecrets.get(psk) ?? deriveEarlySecret13(provider, psk.hash, psk.key);
  earlySecrets.set(psk, known);
  return known;
}

/** A key that a client offers. */
export interface OfferedPsk extends Psk13 {
  readonly identity: Uint8Array;
  /** 0 for an external one. */
  readonly obfuscatedTicketAge: number;
}

/** RFC 8446 §4.2.11: the hash is SHA-256 unless another was agreed on with the key. */
export function externalPsk(identity: Uint8Array, key: Uint8Array): Psk13 {
  return { key, hash: 'sha256', origin: 'ext', peer: PeerIdentity.keyHolder(identity), since: undefined };
}

/** The session that a client offers to resume. */
export function offerSession({ saved, peer, age }: OldSession): OfferedPsk {
  const { state, ticket, ageAdd } = saved;
  const obfuscatedTicketAge = (Math.floor(age) + ageAdd) % 0x1_0000_0000;
  return { ...resumptionPsk(state, peer), identity: ticket, obfuscatedTicketAge };
}

/** The key of a ticket. */
export function resumptionPsk({ secret, suite, since }: SessionState, peer: PeerIdentity): Psk13 {
  return { key: secret, hash: suite.hash, origin: 'res', peer, since };
}

/** An external key imported into DTLS 1.3, under its encoded identity. */
export function importedPsk(
  provider: CryptoProvider,
  { key, import: how }: { readonly key: Uint8Array; readonly import: PskImport },
  external: Uint8Array,
  identity: Uint8Array,
  hash: KdfHash,
): Psk13 {
  const imported = deriveImportedPsk13(provider, key, how.hash, identity, hash);
  const peer = PeerIdentity.keyHolder(external);
  return { key: imported, hash, origin: 'imp', peer, since: undefined };
}

/** The offered keys of a credential: one for each hash of our suites where it is imported, else the key itself. */
export function offerPsk({ provider, suites }: Security, credential: PskCredential): OfferedPsk[] {
  const { identity: externalIdentity, key, import: how } = credential;
  if (how === undefined)
    return [{ ...externalPsk(externalIdentity, key), identity: externalIdentity, obfuscatedTicketAge: 0 }];
  const hashes = suitesOf(suites, FACTS_13).map(({ hash }) => hash);
  return [...new Set(hashes)].filter(isKdfHash).map((hash) => {
    const identity = encodeImportedIdentity({
      externalIdentity,
      context: how.context,
      targetProtocol: FACTS_13.code,
      targetKdf: Kdf[hash],
    });
    const psk = importedPsk(provider, { key, import: how }, externalIdentity, identity, hash);
    return { ...psk, identity, obfuscatedTicketAge: 0 };
  });
}

function isKdfHash(hash: HashName): hash is KdfHash {
  return hash in Kdf;
}
