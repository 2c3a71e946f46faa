import { gnutls } from '../peers/gnutls.js';
import { mbedtls } from '../peers/mbedtls.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import { pion3 } from '../peers/pion.js';
import { scandium } from '../peers/scandium.js';
import { wolfssl } from '../peers/wolfssl.js';
import { CCM_SUITES } from '../vocabulary.js';
import { bothWays, type Case } from './case.js';
import { BASE, lossyCase, sessionCase } from './session.js';

const PEERS = [openssl, gnutls, wolfssl, mbedtls, pion3, scandium];
const SHORT_TAG = 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8';
const LOSSY_SEED = 4;

/** What constrained devices use (RFC 7925 §4.2): AES-CCM, with tags of 16 and of 8 bytes, and ECDSA certificates. */
export function constrainedCases(): Case[] {
  const plan = { ...BASE, version: 'DTLSv1.2' } as const;
  const mutual = { ...plan, suite: SHORT_TAG, clientIdentity: 'ECDSA' } as const;
  return PEERS.flatMap((peer) => {
    const suites = CCM_SUITES.filter((suite) => peer.suites.includes(suite));
    return bothWays(peer, ours).flatMap((pair) => [
      ...suites.map((suite) => sessionCase(pair, { ...plan, suite, label: suite })),
      sessionCase(pair, { ...mutual, label: `${SHORT_TAG}, client certificate` }),
      lossyCase(pair, { ...mutual, eager: true, label: `${SHORT_TAG}, mutual` }, LOSSY_SEED),
    ]);
  });
}
