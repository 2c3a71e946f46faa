import { encounter, type Plan } from '../exchange.js';
import { session } from '../scenes.js';
import { checkIds, checkSession } from '../verdict.js';
import { SUITES13, type Suite, type Version } from '../vocabulary.js';
import type { Case, Pair } from './case.js';
import { BOTH } from './psk.js';
import { BASE, named, whyNot } from './session.js';

const TIMEOUT_MS = 60_000;
/** Of both sides' connection IDs, bytes. */
const LENGTHS = { client: 5, server: 8 };

/** A session with connection IDs in both directions under each suite of a peer, those without an AEAD included. */
export function idSuiteCases(pair: Pair, version: Version): Case[] {
  return suitesOf(pair, version).map((suite) => {
    const plan = planOf(version, suite);
    return {
      name: named(pair, version, `connection IDs under ${suite}`),
      kind: 'session',
      ...pair,
      impossible: whyNot(pair, plan),
      slow: false,
      timeout: TIMEOUT_MS,
      run: async (pki) =>
        await encounter(pair.client, pair.server, plan, pki, async (both) => {
          const facts = await session(both, plan);
          checkSession(facts, plan, pair);
          checkIds(both, facts, plan);
          return `${both.relay?.passages.length ?? 0} datagrams`;
        }),
    };
  });
}

function suitesOf({ client, server }: Pair, version: Version): Suite[] {
  const of13: readonly Suite[] = SUITES13;
  return client.suites.filter(
    (suite) => server.suites.includes(suite) && of13.includes(suite) === (version === 'DTLSv1.3'),
  );
}

function planOf(version: Version, suite: Suite): Plan {
  return {
    ...BASE,
    version,
    suite,
    identity: suite.startsWith('TLS_ECDHE_RSA') ? 'RSA' : 'ECDSA',
    observed: true,
    cids: LENGTHS,
    ...(suite.includes('_PSK_') ? { psk: BOTH } : {}),
  };
}
