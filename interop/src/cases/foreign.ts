import { type Encounter, Failure } from '../exchange.js';
import { epochsShown, retryRequests, splitHello } from '../net/wire.js';
import type { KeyUpdate } from '../peers/peer.js';
import {
  GROUPS,
  GROUPS13,
  type Group,
  type Identity,
  type Role,
  SUITES,
  SUITES13,
  type Suite,
  type Version,
} from '../vocabulary.js';
import type { Case, Pair } from './case.js';
import { lossyCase, BASE as PLAIN, type Row, sessionCase } from './session.js';

const BASE = { ...PLAIN, observed: true } as const;

/** The cases of a pair in one version, over a network without faults. */
export function versionCases(pair: Pair, version: Version): Case[] {
  const rows = [...negotiationRows(version), ...sessionRows(), ...(version === 'DTLSv1.3' ? rows13() : [])];
  return rows.map((row) => sessionCase(pair, { ...row, version }));
}

/** A handshake and an echo through a relay that loses 20 % each way, one case a seed. */
export function lossyVersionCases(pair: Pair, version: Version, seeds: number): Case[] {
  return Array.from({ length: seeds }, (_, index) => index + 1).map((seed) => {
    const mutual = seed % 2 === 0 ? ({ clientIdentity: 'ECDSA', label: 'mutual' } as const) : {};
    return lossyCase(pair, { ...BASE, version, ...mutual, eager: seed % 3 !== 0 }, seed);
  });
}

function negotiationRows(version: Version): Row[] {
  const suites = version === 'DTLSv1.3' ? SUITES13 : SUITES;
  const groups = version === 'DTLSv1.3' ? GROUPS13 : GROUPS;
  const identity = (suite: Suite): Identity => (suite.startsWith('TLS_ECDHE_RSA') ? 'RSA' : 'ECDSA');
  return [
    ...suites.map((suite) => ({ ...BASE, identity: identity(suite), suite, label: suite })),
    ...groups.map((group) => ({ ...BASE, group, label: group })),
  ];
}

function sessionRows(): Row[] {
  const identities: readonly Identity[] = ['RSA', 'P-384', 'Ed25519'];
  return [
    ...identities.map((identity) => ({ ...BASE, identity, label: `certificate ${identity}` })),
    ...(['ECDSA', 'RSA'] as const).map((clientIdentity) => ({
      ...BASE,
      clientIdentity,
      label: `client certificate ${clientIdentity}`,
    })),
    { ...BASE, mtu: 400, label: 'MTU 400' },
    { ...BASE, closer: 'server', label: 'the server closes' },
    { ...BASE, trust: 'wrong CA', label: 'refused: wrong CA' },
    { ...BASE, trust: 'wrong name', label: 'refused: wrong name' },
  ];
}

function rows13(): Row[] {
  return [
    { ...BASE, cookie: true, label: 'HelloRetryRequest with a cookie', seen: expectRetry(true) },
    { ...BASE, group: 'x25519', cookie: false, label: 'no HelloRetryRequest', seen: expectRetry(false) },
    retryRow('x25519', 'secp384r1'),
    retryRow('secp256r1', 'x25519'),
    {
      ...BASE,
      group: 'X25519MLKEM768',
      shares: GROUPS13,
      otherGroups: GROUPS,
      label: 'a ClientHello of two datagrams',
      seen: expectSplitHello,
    },
    ...(['client', 'server', 'both'] as const).flatMap((by) =>
      [false, true].map((request) => keyUpdateRow({ by, request })),
    ),
  ];
}

/** The client sends a share of one group only, and the server wants another. */
function retryRow(share: Group, group: Group): Row {
  return {
    ...BASE,
    group,
    otherGroups: [share],
    shares: [share],
    label: `HelloRetryRequest from ${share} to ${group}`,
    seen: expectRetry(true),
  };
}

function keyUpdateRow(keyUpdate: KeyUpdate): Row {
  const { by, request } = keyUpdate;
  const who = by === 'both' ? 'both sides at once' : `the ${by}`;
  return {
    ...BASE,
    keyUpdate,
    label: `KeyUpdate by ${who}${request ? ', requested' : ''}`,
    seen: (both) => {
      for (const role of ['client', 'server'] as const) {
        if (by === role || by === 'both' || request) expectNewEpoch(both, role);
      }
    },
  };
}

function expectRetry(expected: boolean): (both: Encounter) => void {
  return ({ relay }) => {
    const seen = retryRequests(relay?.passages ?? []) > 0;
    if (seen !== expected)
      throw new Failure(seen ? 'there was a HelloRetryRequest' : 'there was no HelloRetryRequest');
  };
}

function expectSplitHello({ relay }: Encounter): void {
  if (!splitHello(relay?.passages ?? [])) throw new Failure('each ClientHello came in one datagram');
}

function expectNewEpoch({ relay }: Encounter, role: Role): void {
  const epochs = epochsShown(relay?.passages ?? [], role === 'client' ? 'to-server' : 'to-client');
  // Epoch 2 protects the handshake, 3 the first application data, and the next one is 4, which shows as 0.
  if (!epochs.includes(0)) throw new Failure(`the ${role} sent nothing in epoch 4`);
}
