import { type Encounter, Failure } from '../exchange.js';
import { boringssl } from '../peers/boringssl.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import type { Role, Version } from '../vocabulary.js';
import { bothWays, type Case } from './case.js';
import { BASE, sessionCase } from './session.js';

/** The largest payload that the path passes, bytes of UDP payload. */
const LIMIT = 500;

const PEERS: readonly (readonly [Peer, Version])[] = [
  [openssl, 'DTLSv1.2'],
  [boringssl, 'DTLSv1.2'],
  [boringssl, 'DTLSv1.3'],
];

/**
 * A path that silently drops large datagrams. The foreign peer is told its size; our side has to find out, and our
 * smaller fragments then have to fit, for the foreign peer, with the fragments of the first try that arrived.
 */
export function pathCases(): Case[] {
  return PEERS.flatMap(([peer, version]) =>
    bothWays(peer, ours).map((pair) => {
      const unaware: Role = pair.client === ours ? 'client' : 'server';
      return sessionCase(pair, {
        ...BASE,
        version,
        ...{ clientIdentity: 'ECDSA', mtu: LIMIT, unaware, eager: true },
        // A ClientHello larger than the path, too.
        ...(version === 'DTLSv1.3' && unaware === 'client'
          ? { group: 'X25519MLKEM768', shares: ['X25519MLKEM768'] }
          : {}),
        label: `a path of ${LIMIT} bytes that our side is not told of`,
        seen: expectLosses,
      });
    }),
  );
}

function expectLosses({ relay }: Encounter): void {
  if ((relay?.tooLarge ?? 0) === 0) throw new Failure('nothing was too large for the path');
}
