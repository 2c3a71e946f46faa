import { type Encounter, encounter, type Plan } from '../exchange.js';
import type { Facts } from '../peers/peer.js';
import { keyUpdates, refusal, session } from '../scenes.js';
import { checkRefusal, checkSession, checkSizes } from '../verdict.js';
import type { Role } from '../vocabulary.js';
import { type Case, type Pair, pairName } from './case.js';

const TIMEOUT_MS = 45_000;

/** What a row of the matrix asks of a pair. */
export type Row = Plan & {
  readonly label: string;
  /** What the relay must have seen, beyond what the two sides tell. */
  readonly seen?: (both: Encounter) => void;
};

/** What a row has unless it says otherwise. */
export const BASE = { identity: 'ECDSA', closer: 'client', host: '127.0.0.1', trust: 'right' } as const;

/** A session, or a refusal where the client does not trust the server, over a network without faults. */
export function sessionCase(pair: Pair, row: Row): Case {
  const { client, server } = pair;
  return {
    name: [pairName(pair), row.version, row.label].filter((part) => part !== undefined).join(', '),
    kind: row.trust === 'right' ? 'session' : 'refusal',
    ...pair,
    impossible: whyNot(pair, row),
    slow: false,
    timeout: TIMEOUT_MS,
    run: async (pki) =>
      await encounter(client, server, row, pki, async (both) => await judged(both, pair, row)),
  };
}

/** Why this pair cannot do what is asked. */
export function whyNot({ client, server }: Pair, plan: Plan): string | undefined {
  return client.cannot('client', plan) ?? server.cannot('server', plan);
}

async function judged(both: Encounter, pair: Pair, row: Row): Promise<string> {
  if (row.trust !== 'right') {
    const facts = await refusal(both);
    checkRefusal(facts, pair.client, row);
    return facts.server.alertsReceived.join(', ');
  }
  const facts = await (row.keyUpdate === undefined
    ? session(both, row)
    : keyUpdates(both, row, row.keyUpdate));
  checkSession(facts, row, pair);
  row.seen?.(both);
  if (row.mtu !== undefined) checkSizes(both, row.mtu);
  return remark(facts);
}

/** What was negotiated, as far as one of the two tells. */
function remark({ client, server }: Record<Role, Facts>): string {
  const told = (['suite', 'group', 'scheme'] as const).map((name) => client[name] ?? server[name]);
  return told.filter((word) => word !== undefined).join(' ');
}
