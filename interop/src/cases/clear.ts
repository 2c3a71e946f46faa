import { encounter, type Plan } from '../exchange.js';
import type { Facts } from '../peers/peer.js';
import { refusal, session } from '../scenes.js';
import { checkRefusal, checkSession, checkSizes } from '../verdict.js';
import { GROUPS, type Identity, type Scheme, SUITES, type Suite, type Version } from '../vocabulary.js';
import { type Case, type Pair, pairName } from './case.js';

const TIMEOUT_MS = 45_000;
const BASE = { identity: 'ECDSA', closer: 'client', host: '127.0.0.1', trust: 'right' } as const;

type Row = Plan & { readonly label: string };

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
  return rows.map((row) => clearCase(pair, { ...row, version }));
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

function clearCase(pair: Pair, row: Row): Case {
  const { client, server } = pair;
  return {
    name: [pairName(pair), row.version, row.label].filter((part) => part !== undefined).join(', '),
    kind: row.trust === 'right' ? 'session' : 'refusal',
    ...pair,
    impossible: client.cannot('client', row) ?? server.cannot('server', row),
    slow: false,
    timeout: TIMEOUT_MS,
    async run(pki) {
      return await encounter(client, server, row, pki, async (both) => {
        if (row.trust !== 'right') {
          const facts = await refusal(both);
          checkRefusal(facts, client, row);
          return facts.server.alertsReceived.join(', ');
        }
        const facts = await session(both, row);
        checkSession(facts, row, pair);
        if (row.mtu !== undefined) checkSizes(both, row.mtu);
        return remark(facts.client, facts.server);
      });
    },
  };
}

/** What was negotiated, as far as it is not in the case's name already. */
function remark(client: Facts, server: Facts): string {
  const told = (name: 'suite' | 'group' | 'scheme') => client[name] ?? server[name] ?? '?';
  return `${told('suite')} ${told('group')} ${told('scheme')}`;
}
