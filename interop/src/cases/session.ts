import { type Encounter, encounter, Failure, type Plan } from '../exchange.js';
import type { Facts } from '../peers/peer.js';
import { keyUpdates, refusal, session, struggle } from '../scenes.js';
import { checkRefusal, checkSession, checkSizes } from '../verdict.js';
import type { Role } from '../vocabulary.js';
import { type Case, type Pair, pairName } from './case.js';

const TIMEOUT_MS = 45_000;
const LOSSY_MS = 90_000;
const LOSS = { loss: 0.2, duplicate: 0.05, reorder: 0.1, delay: 20 };

/** The task of a pair in a row of the matrix. */
export type Row = Plan & {
  readonly label: string;
  /** What the relay must have seen, beyond the reports of the two sides. */
  readonly seen?: (both: Encounter) => void;
};

/** The default of a row. */
export const BASE = { identity: 'ECDSA', closer: 'client', host: '127.0.0.1', trust: 'right' } as const;

/** A session, or a refusal where the client does not trust the server, over a network without faults. */
export function sessionCase(pair: Pair, row: Row): Case {
  const { client, server } = pair;
  return {
    name: named(pair, row.version, row.label),
    kind: row.trust === 'right' ? 'session' : 'refusal',
    ...pair,
    impossible: whyNot(pair, row),
    slow: false,
    timeout: TIMEOUT_MS,
    run: async (pki) =>
      await encounter(client, server, row, pki, async (both) => await judged(both, pair, row)),
  };
}

/** A handshake and an echo through a relay that loses 20 % each way. */
export function lossyCase(pair: Pair, row: Plan & { readonly label?: string }, seed: number): Case {
  const { client, server } = pair;
  const plan = { ...row, weather: { ...LOSS, seed } };
  return {
    name: named(pair, row.version, '20 % loss', `seed ${seed}`, row.label),
    kind: 'loss',
    ...pair,
    impossible: whyNot(pair, plan),
    slow: true,
    timeout: LOSSY_MS + 30_000,
    async run(pki) {
      return await encounter(client, server, plan, pki, async (both) => {
        const facts = await struggle(both, LOSSY_MS);
        const sent = `${both.relay?.count('to-server') ?? 0} + ${both.relay?.count('to-client') ?? 0} datagrams`;
        if (!facts.client.established)
          throw new Failure(`no session after ${sent}: ${facts.client.error ?? facts.server.error ?? ''}`);
        return `session after ${sent}`;
      });
    },
  };
}

/** A case's name, made of the parts that are present. */
export function named(pair: Pair, ...parts: readonly (string | undefined)[]): string {
  return [pairName(pair), ...parts].filter((part) => part !== undefined).join(', ');
}

/** Why this pair cannot do the task. */
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
  if (row.mtu !== undefined && row.unaware === undefined) checkSizes(both, row.mtu);
  return remark(facts);
}

/** What was negotiated, as far as one of the two reports it. */
function remark({ client, server }: Record<Role, Facts>): string {
  const told = (['suite', 'group', 'scheme'] as const).map((name) => client[name] ?? server[name]);
  return told.filter((word) => word !== undefined).join(' ');
}
