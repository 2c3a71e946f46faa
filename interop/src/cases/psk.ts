import { encounter, type Plan } from '../exchange.js';
import { boringssl } from '../peers/boringssl.js';
import { cli } from '../peers/cli.js';
import { gnutls } from '../peers/gnutls.js';
import { mbedtls } from '../peers/mbedtls.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer, Psk } from '../peers/peer.js';
import { pion3 } from '../peers/pion.js';
import { scandium } from '../peers/scandium.js';
import { wolfssl } from '../peers/wolfssl.js';
import { refusal } from '../scenes.js';
import { checkPskRefusal } from '../verdict.js';
import { ECDHE_PSK_SUITES, PSK_CBC_SUITES, PSK_SUITES, type Suite, type Version } from '../vocabulary.js';
import { bothWays, type Case, type Pair } from './case.js';
import { BASE, lossyCase, named, sessionCase, whyNot } from './session.js';

const PEERS: Readonly<Record<Version, readonly Peer[]>> = {
  'DTLSv1.2': [openssl, gnutls, wolfssl, mbedtls, pion3, scandium],
  'DTLSv1.3': [nss, wolfssl],
};
/** In DTLS 1.3 an external key belongs to one hash: SHA-256 (RFC 8446 §4.2.11). */
const SUITES: Readonly<Record<Version, readonly Suite[]>> = {
  'DTLSv1.2': [...PSK_SUITES, ...PSK_CBC_SUITES, ...ECDHE_PSK_SUITES],
  'DTLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
};
/** The one suite with another record protection. */
const CBC = 'TLS_PSK_WITH_AES_128_CBC_SHA256';
const LOSSY_SEED = 4;

const SHARED: Psk = { identity: 'sensor-1', key: '000102030405060708090a0b0c0d0e0f' };
/** What both sides of a case with a suite for pre-shared keys have. */
export const BOTH = { client: SHARED, server: SHARED };
const REFUSALS = [
  ['a wrong key', { ...SHARED, key: 'ff0102030405060708090a0b0c0d0e0f' }, 'ERR_DTLS_PSK_MISMATCH'],
  ['an unknown identity', { ...SHARED, identity: 'somebody-else' }, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY'],
] as const;

/** Pre-shared keys: every suite of a peer, in both roles, and keys that do not match. */
export function pskCases(): Case[] {
  const library = (['DTLSv1.2', 'DTLSv1.3'] as const).flatMap((version) =>
    PEERS[version].flatMap((peer) => casesOf(peer, version)),
  );
  return [
    ...library,
    ...useCases(boringssl, 'imported', { ...SHARED, context: 'pump and server' }),
    ...useCases(wolfssl, 'alone', { ...SHARED, alone: true }),
    ...commandCases(),
  ];
}

/** The other uses of a key in DTLS 1.3, with and without losses. */
function useCases(peer: Peer, how: string, psk: Psk): Case[] {
  const plan = { ...BASE, version: 'DTLSv1.3', psk: { client: psk, server: psk } } as const;
  const row = { ...plan, certificate: false, label: `PSK, ${how}` } as const;
  const wrong = { ...psk, key: psk.key.replace('00', 'ff') };
  return [
    ...bothWays(peer, ours).flatMap((pair) => [
      ...SUITES['DTLSv1.3'].slice(0, 1).map((suite) => sessionCase(pair, { ...row, suite })),
      lossyCase(pair, { ...row, suite: 'TLS_AES_128_GCM_SHA256', eager: true }, LOSSY_SEED),
    ]),
    refusalCase(
      { client: peer, server: ours },
      { ...row, psk: { client: wrong, server: psk }, suite: 'TLS_AES_128_GCM_SHA256' },
      `a wrong key, ${how}`,
      'ERR_DTLS_PSK_MISMATCH',
    ),
  ];
}

function casesOf(peer: Peer, version: Version): Case[] {
  const suites = SUITES[version].filter((suite) => peer.suites.includes(suite));
  const [first] = suites;
  if (first === undefined) return [];
  const plan = { ...BASE, version, psk: BOTH };
  return [
    ...bothWays(peer, ours).flatMap((pair) => [
      ...suites.map((suite) => sessionCase(pair, { ...plan, suite, label: `PSK, ${suite}` })),
      ...[first, ...suites.filter((suite) => suite === CBC)].map((suite) =>
        lossyCase(pair, { ...plan, suite, eager: true, label: `PSK, ${suite}` }, LOSSY_SEED),
      ),
    ]),
    ...REFUSALS.map(([what, psk, code]) =>
      refusalCase(
        { client: peer, server: ours },
        { ...plan, suite: first, certificate: false, psk: { ...BOTH, client: psk } },
        what,
        code,
      ),
    ),
  ];
}

/** Our command, as a user would start it for a constrained device. */
function commandCases(): Case[] {
  const suite = 'TLS_PSK_WITH_AES_128_CCM_8';
  return bothWays(openssl, cli).map((pair) =>
    sessionCase(pair, { ...BASE, version: 'DTLSv1.2', psk: BOTH, suite, label: `PSK, ${suite}` }),
  );
}

function refusalCase(pair: Pair, plan: Plan, what: string, code: string): Case {
  const { client, server } = pair;
  return {
    name: named(pair, plan.version, 'PSK', `refused: ${what}`),
    kind: 'refusal',
    ...pair,
    impossible: whyNot(pair, plan),
    slow: false,
    timeout: 45_000,
    run: async (pki) =>
      await encounter(client, server, plan, pki, async (both) => {
        checkPskRefusal(await refusal(both), code);
        return code;
      }),
  };
}
