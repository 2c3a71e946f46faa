import { type Encounter, Failure } from '../exchange.js';
import { boringssl } from '../peers/boringssl.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import type { Role, Version } from '../vocabulary.js';
import { bothWays, type Case } from './case.js';
import { BASE, sessionCase } from './session.js';

/** What the path lets through, bytes of UDP payload. */
const LIMIT = 500;

const PEERS: readonly (readonly [Peer, Version])[] = [
  [openssl, 'DTLSv1.2'],
  [boringssl, 'DTLSv1.2'],
  [boringssl, 'DTLSv1.3'],
];

/**
 * A path that loses large datagrams without a word. The foreign peer is told of it; we have to find out, and what we then
 * send in smaller fragments has to fit, in the foreign peer's eyes, with those of the first try that arrived.
 */
export function pathCases(): Case[] {
  return PEERS.flatMap(([peer, version]) =>
    bothWays(peer, ours).map((pair) => {
      const unaware: Role = pair.client === ours ? 'client' : 'server';
      return sessionCase(pair, {
        ...BASE,
        version,
        ...{ clientIdentity: 'ECDSA', mtu: LIMIT, unaware, eager: true },
        // A ClientHello of more than the path takes, too.
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
