import { GROUPS, type Identity, type Scheme, SUITES, type Suite, type Version } from '../vocabulary.js';
import type { Case, Pair } from './case.js';
import { BASE, type Row, sessionCase } from './session.js';

const SIGNATURES: readonly [Identity, Scheme][] = [
  ['ECDSA', 'ecdsa_secp256r1_sha256'],
  ['P-384', 'ecdsa_secp384r1_sha384'],
  ['Ed25519', 'ed25519'],
  ['RSA', 'rsa_pss_rsae_sha256'],
  ['RSA', 'rsa_pkcs1_sha256'],
];

/** The cases of a pair over a faultless network: all, or the few that a user would try first. */
export function clearCases(pair: Pair, which: 'all' | 'essential', version?: Version): Case[] {
  const rows = which === 'all' ? [...negotiationRows(), ...essentialRows()] : essentialRows();
  return rows.map((row) => sessionCase(pair, { ...row, version }));
}

function negotiationRows(): Row[] {
  return [
    ...SUITES.flatMap((suite) => GROUPS.map((group) => suiteRow(suite, group))),
    ...SIGNATURES.map(([identity, scheme]) => ({
      ...BASE,
      identity,
      scheme,
      label: `${identity}, ${scheme}`,
    })),
    { ...BASE, cookie: true, label: 'ECDSA, cookie demanded' },
    { ...BASE, cookie: false, label: 'ECDSA, no cookie' },
    ...(['ECDSA', 'RSA', 'Ed25519'] as const).map((clientIdentity) => ({
      ...BASE,
      clientIdentity,
      label: `ECDSA, client certificate ${clientIdentity}`,
    })),
  ];
}

function essentialRows(): Row[] {
  return [
    ...(['ECDSA', 'RSA'] as const).flatMap((identity) =>
      [400, 1400].map((mtu) => ({ ...BASE, identity, mtu, label: `${identity}, MTU ${mtu}` })),
    ),
    { ...BASE, closer: 'server', label: 'ECDSA, the server closes' },
    { ...BASE, host: '::1', label: 'ECDSA, IPv6' },
    { ...BASE, trust: 'wrong CA', label: 'ECDSA, refused: wrong CA' },
    { ...BASE, identity: 'RSA', trust: 'wrong CA', label: 'RSA, refused: wrong CA' },
    { ...BASE, trust: 'wrong name', label: 'ECDSA, refused: wrong name' },
  ];
}

function suiteRow(suite: Suite, group: (typeof GROUPS)[number]): Row {
  const identity = suite.startsWith('TLS_ECDHE_RSA') ? 'RSA' : 'ECDSA';
  const groupName = { x25519: 'X25519', secp256r1: 'P-256', secp384r1: 'P-384' }[group];
  return { ...BASE, identity, suite, group, label: `${identity}, ${suite}, ${groupName}` };
}
