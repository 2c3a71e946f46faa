import { encounter, Failure, type Plan } from '../exchange.js';
import { struggle } from '../scenes.js';
import { type Case, type Pair, pairName } from './case.js';
import { BASE, whyNot } from './session.js';

/** A foreign peer's timer starts at 1 s and doubles: this is time for six of its flights and their answers. */
const HANDSHAKE_MS = 90_000;
const TIMEOUT_MS = 120_000;
const STORM = { loss: 0.3, duplicate: 0.1, reorder: 0.15, delay: 20 };

/**
 * One case per seed: a handshake and an echo through a relay that loses 30 % each way, repeats, delays and reorders.
 * The protocol's timers may be too slow for these losses, so that an orderly failure is allowed; with `strict`, not
 * where one side has shorter ones.
 */
export function lossyCases(pair: Pair, seeds: number, strict: boolean): Case[] {
  return Array.from({ length: seeds }, (_, index) => lossyCase(pair, index + 1, strict));
}

function lossyCase(pair: Pair, seed: number, strict: boolean): Case {
  const { client, server } = pair;
  const plan = {
    ...BASE,
    // Even seeds use the longer RSA flights, every fourth a small path, so that more fragments are at risk.
    identity: seed % 2 === 0 ? 'RSA' : 'ECDSA',
    mtu: seed % 4 === 0 ? 500 : 1400,
    // Every third seed uses the protocol's own timers on both sides, which then fire at the same moments.
    eager: seed % 3 !== 0,
    weather: { ...STORM, seed },
  } satisfies Plan;
  return {
    name: `${pairName(pair)}, 30 % loss, seed ${seed}, ${plan.identity}, MTU ${plan.mtu}${plan.eager ? '' : ', standard timers'}`,
    kind: 'loss',
    ...pair,
    impossible: whyNot(pair, plan),
    slow: true,
    timeout: TIMEOUT_MS,
    async run(pki) {
      return await encounter(client, server, plan, pki, async (both) => {
        const facts = await struggle(both, HANDSHAKE_MS);
        const sent = `${both.relay?.count('to-server') ?? 0} + ${both.relay?.count('to-client') ?? 0} datagrams`;
        if (facts.client.established) return `session after ${sent}`;
        if (strict && plan.eager) throw new Failure(`no session after ${sent}, for all our short timers`);
        return `failed in order after ${sent}: ${facts.client.error ?? facts.server.error ?? ''}`;
      });
    },
  };
}
