import type { HashName } from '../../crypto/provider.js';
import { ProtocolVersion } from '../../wire/codes.js';
import type { OfferedPsks } from '../../wire/extensions/pre-shared-key.js';
import { decodeImportedIdentity, KDF_HASHES, Kdf, type KdfHash } from '../../wire/imported-identity.js';
import type { WantedPsk } from '../jobs.js';

/** Identities that are looked up: as many as a client of ours may have, and a ticket before them. */
const MAX_PSKS = 17;

/** An identity of the client's, as what a key under it would be used. */
interface PskCandidate {
  readonly index: number;
  /** As it was sent. */
  readonly sent: Uint8Array;
  readonly wanted: WantedPsk;
  /** Only suites with this hash can use it. */
  readonly hash: KdfHash;
}

/** Hashes of the keys that a client may mean by its identities; a ticket's is not known. */
export function offeredHashes(psks: OfferedPsks): readonly HashName[] {
  return psks.identities.map(({ identity }, index) => candidate(identity, index).hash);
}

/** What has the form of an identity imported for DTLS 1.3 is one; all else goes with SHA-256 (RFC 8446 §4.2.11). */
function candidate(sent: Uint8Array, index: number): PskCandidate {
  const imported = decodeImportedIdentity(sent);
  const hash = KDF_HASHES.find((name) => Kdf[name] === imported?.targetKdf);
  if (imported === undefined || hash === undefined || imported.targetProtocol !== ProtocolVersion.dtls13)
    return { index, sent, wanted: { identity: sent, use: 'as-is' }, hash: 'sha256' };
  const { externalIdentity: identity, context } = imported;
  return { index, sent, wanted: { identity, use: { context } }, hash };
}

/** Those that a suite with `hash` can use. */
export function pskCandidates({ identities }: OfferedPsks, hash: HashName): readonly PskCandidate[] {
  return identities
    .map(({ identity }, index) => candidate(identity, index))
    .filter((one) => one.hash === hash)
    .slice(0, MAX_PSKS);
}
