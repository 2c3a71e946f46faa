import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { encounter, Failure, type Plan } from '../exchange.js';
import type { Facts } from '../peers/peer.js';
import type { Pki } from '../pki.js';
import { session } from '../scenes.js';
import type { Role, Version } from '../vocabulary.js';
import { type Case, type Pair, pairName } from './case.js';
import { BASE, whyNot } from './session.js';

const TIMEOUT_MS = 60_000;

/**
 * A client that returns to another server with the same ticket keys, twice: the second time with a ticket of a
 * resumed session.
 */
export function resumptionCases(pair: Pair, version: Version): Case[] {
  return [
    resumptionCase(pair, { ...BASE, version, resumed: true }, 'resumed'),
    resumptionCase(pair, { ...BASE, version, resumed: true, clientIdentity: 'ECDSA' }, 'resumed, mutual'),
    ...(version === 'DTLSv1.3'
      ? [
          resumptionCase(
            pair,
            {
              ...BASE,
              version,
              resumed: true,
              group: 'secp384r1',
              otherGroups: ['x25519'],
              shares: ['x25519'],
            },
            'resumed after a HelloRetryRequest',
          ),
        ]
      : []),
  ];
}

function resumptionCase(pair: Pair, plan: Plan, label: string): Case {
  return {
    name: [pairName(pair), plan.version, label].join(', '),
    kind: 'session',
    ...pair,
    impossible: whyNot(pair, plan),
    slow: false,
    timeout: TIMEOUT_MS,
    async run(pki) {
      const kept = { ...plan, session: join(mkdtempSync(join(pki.folder, 'session-')), 'session') };
      expectReused(await visit(pair, kept, pki), plan, false);
      for (let again = 0; again < 2; again++) expectReused(await visit(pair, kept, pki), plan, true);
      return 'resumed twice';
    },
  };
}

async function visit({ client, server }: Pair, plan: Plan, pki: Pki): Promise<Record<Role, Facts>> {
  return await encounter(client, server, plan, pki, async (both) => await session(both, plan));
}

function expectReused({ client, server }: Record<Role, Facts>, plan: Plan, expected: boolean): void {
  for (const [role, { reused }] of [
    ['client', client],
    ['server', server],
  ] as const) {
    if (reused !== expected) throw new Failure(`the ${role} says ${expected ? 'not ' : ''}resumed`);
  }
  if (client.exporter !== server.exporter) throw new Failure('the exporters differ');
  if (plan.clientIdentity !== undefined && server.clientVerified !== true)
    throw new Failure('the server does not know its client');
}
