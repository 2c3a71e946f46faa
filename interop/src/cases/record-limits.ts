import { type Encounter, Failure } from '../exchange.js';
import { largestProtected } from '../net/wire.js';
import { gnutls } from '../peers/gnutls.js';
import { mbedtls } from '../peers/mbedtls.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import type { Version } from '../vocabulary.js';
import { bothWays, type Case, type Pair } from './case.js';
import { BASE, sessionCase } from './session.js';

/**
 * Our record size limit: less than an RSA certificate, which is protected in DTLS 1.3. GnuTLS ends handshakes with
 * peers whose limit is below 512. Bytes.
 */
const LIMIT = 600;
/** The most that protection adds to content: an explicit nonce and a tag, or a content type and a tag. */
const ADDED = 24;

/** Peers that support record_size_limit (RFC 8449). */
const PEERS: readonly (readonly [Peer, Version])[] = [
  [gnutls, 'DTLSv1.2'],
  [nss, 'DTLSv1.2'],
  [nss, 'DTLSv1.3'],
];

/** Peers that learn our limit by either extension, and OpenSSL and Mbed TLS that send theirs. */
export function recordLimitCases(): Case[] {
  return [
    ...PEERS.flatMap(([peer, version]) => bothWays(peer, ours).map((pair) => sizeCase(pair, version))),
    ...[openssl, mbedtls].flatMap((peer) => bothWays(peer, ours).map(fragmentCase)),
  ];
}

function sizeCase(pair: Pair, version: Version): Case {
  return sessionCase(pair, {
    ...BASE,
    identity: 'RSA',
    ...{ version, observed: true, recordSizeLimit: LIMIT, label: `our side takes records of ${LIMIT} bytes` },
    seen: (both) => expectAtMost(both, pair, LIMIT),
  });
}

/** Both refuse a record larger than agreed. */
function fragmentCase(pair: Pair): Case {
  return sessionCase(pair, {
    ...BASE,
    ...{ clientIdentity: 'ECDSA', observed: true, maxFragmentLength: 512, label: 'max_fragment_length 512' },
    ...{ version: 'DTLSv1.2', seen: (both: Encounter) => expectAtMost(both, pair, 512) },
  });
}

function expectAtMost({ relay }: Encounter, { client }: Pair, limit: number): void {
  const largest = largestProtected(relay?.passages ?? [], client === ours ? 'to-client' : 'to-server');
  if (largest > limit + ADDED) throw new Failure(`a record of ${largest} bytes came to us`);
  if (largest === 0) throw new Failure('no protected record came to us');
}
