import { setTimeout as delay } from 'node:timers/promises';
import { attacked } from '../attacks.js';
import { type Encounter, encounter, Failure, type Plan } from '../exchange.js';
import { answered, reasons } from '../moving.js';
import { seededRandom } from '../net/random.js';
import { connectionIds } from '../net/wire.js';
import { ours } from '../peers/ours.js';
import type { RoutabilityCheck, Side } from '../peers/peer.js';
import { pion } from '../peers/pion.js';
import type { Version } from '../vocabulary.js';
import { bothWays, type Case, type Pair } from './case.js';
import { BASE, named, whyNot } from './session.js';

/*
 * Return routability checks (RFC 9853) with the one other implementation that has them. The client's NAT moves it. Our server tells
 * when the other side has answered; pion's sends to no address that has not.
 */

const VERSIONS = ['DTLSv1.2', 'DTLSv1.3'] as const;
const TIMEOUT_MS = 90_000;
const HANDSHAKE_MS = 30_000;
const LENGTH = 8;
const LOSS = 0.2;
const SEEDS = 3;
const ELSEWHERE = ['127.0.0.2', undefined, '127.0.0.3'];
/** A check may get lost three times on such a path; the next record begins another one. */
const ROUNDS = 40;
const PAUSE_MS = 250;
/** Longer than all challenges of a check. */
const UNANSWERED_MS = 8_000;

export function returnRoutabilityCases(): Case[] {
  return bothWays(pion, ours).flatMap((pair) => VERSIONS.flatMap((version) => casesOf(pair, version)));
}

function casesOf(pair: Pair, version: Version): Case[] {
  const seeds = [undefined, ...Array.from({ length: SEEDS }, (_, index) => index + 1)];
  const checks = ['basic', 'enhanced'] as const;
  // pion's server has one kind of check.
  if (pair.client === ours)
    return [
      ...seeds.map((seed) => movedCase(pair, version, 'basic', seed)),
      ...checks.flatMap((check) => seeds.map((seed) => movedServerCase(pair, version, check, seed))),
      uncheckedCase(pair, version),
    ];
  return [
    ...checks.flatMap((check) => seeds.map((seed) => movedCase(pair, version, check, seed))),
    copiedCase(pair, version),
    uncheckedCase(pair, version),
    ...(version === 'DTLSv1.3' ? [probeCase(pair, version)] : []),
  ];
}

interface Task {
  readonly pair: Pair;
  readonly version: Version;
  readonly check: RoutabilityCheck;
  readonly what: string;
  readonly seed?: number | undefined;
  readonly fromEndpoint?: boolean;
}

function caseOf(task: Task, scene: (both: Encounter) => Promise<string>): Case {
  const { pair, version, check, what, seed, fromEndpoint } = task;
  let losing: (() => number) | undefined;
  // The losses begin behind the handshake, whose own are other cases.
  const rewrite: Plan['rewrite'] = () => (losing !== undefined && losing() < LOSS ? [] : undefined);
  const cids = { client: LENGTH, server: LENGTH };
  const settings = { observed: true, eager: true, cids, returnRoutability: check, fromEndpoint };
  const plan: Plan = { ...BASE, version, ...settings, rewrite };
  const weather = seed === undefined ? '' : `, 20 % loss, seed ${seed}`;
  return {
    name: named(pair, version, `return routability: ${what}${weather}`),
    kind: seed === undefined ? 'session' : 'loss',
    ...pair,
    impossible: whyNot(pair, plan),
    slow: true,
    timeout: TIMEOUT_MS,
    run: async (pki) =>
      await encounter(pair.client, pair.server, plan, pki, async (both) => {
        losing = undefined;
        if (!(await both.client.established(HANDSHAKE_MS)))
          throw new Failure(`no handshake: ${await reasons(both)}`);
        await answered(both, 'ping before', true);
        losing = seed === undefined ? undefined : seededRandom(seed);
        const remark = await scene(both);
        const { client, server } = await both.finish();
        const failed = client.error ?? server.error;
        if (failed !== undefined) throw new Failure(`a side failed: ${failed}`);
        return remark;
      }),
  };
}

/** The check ends well at each place. */
function movedCase(pair: Pair, version: Version, check: RoutabilityCheck, seed: number | undefined): Case {
  const what = `the client moves, ${check}`;
  return caseOf({ pair, version, check, what, seed }, async (both) => {
    for (const [index, place] of ELSEWHERE.entries()) {
      both.relay?.move(place);
      await answered(both, `ping from place ${index + 1}`, true);
      if (pair.server === ours) await validated(both, both.server, index + 1);
    }
    return `${ELSEWHERE.length} moves`;
  });
}

/** Our client follows a pion server, and asks it. */
function movedServerCase(
  pair: Pair,
  version: Version,
  check: RoutabilityCheck,
  seed: number | undefined,
): Case {
  const what = `the server moves, ${check}`;
  return caseOf({ pair, version, check, what, seed, fromEndpoint: true }, async (both) => {
    for (let i = 1; i <= ELSEWHERE.length; i++) {
      await both.relay?.moveServer();
      await answered(both, `ping to place ${i}`, true);
      await validated(both, both.client, i);
    }
    return `${ELSEWHERE.length} moves`;
  });
}

async function validated(both: Encounter, side: Side, count: number): Promise<void> {
  const checks = () => side.validatedMoves?.() ?? 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (checks() >= count) return;
    await delay(PAUSE_MS);
    both.client.send(`ping ${round} for check ${count}`);
  }
  throw new Failure(`${checks()} checks of ${count} ended well`);
}

/** An attacker's copies come first. The client answers at its own address, and the attacker gets nothing. */
function copiedCase(pair: Pair, version: Version): Case {
  const raid = { attack: 'copies that arrive first', of: 'client', seed: 1, length: LENGTH } as const;
  const what = `an attacker's copies arrive first, enhanced`;
  return caseOf({ pair, version, check: 'enhanced', what }, async (both) => {
    const remark = await attacked(both, { ...raid, moves: false, asksBefore: true });
    if (both.server.validatedMoves?.() === 0)
      throw new Failure('the check at the address before has not ended');
    return remark;
  });
}

/** Where our side has no checks, neither server takes an address for its client's own. */
function uncheckedCase(pair: Pair, version: Version): Case {
  const what = 'our side has none';
  return caseOf({ pair, version, check: 'never', what }, async (both) => {
    both.relay?.move(ELSEWHERE[0]);
    for (let waited = 0; waited < UNANSWERED_MS; waited += PAUSE_MS) {
      both.client.send(`ping at ${waited} ms`);
      await delay(PAUSE_MS);
    }
    const sent = both.relay?.passages.filter(
      ({ direction, moves }) => direction === 'to-client' && moves > 0,
    );
    if (pair.server === ours) {
      if (both.server.validatedMoves?.() !== 0) throw new Failure('our server has validated an address');
    } else if (sent?.length !== 0) throw new Failure('a pion server has followed without checks');
    return `${sent?.length ?? 0} datagrams to the new address`;
  });
}

/** A pion client asks from a fresh socket, under a connection ID that our server has given it, and then goes on there. */
function probeCase(pair: Pair, version: Version): Case {
  const what = 'the client takes fresh sockets';
  return caseOf({ pair, version, check: 'basic', what }, async (both) => {
    const before = both.server.idOfOther?.();
    for (let i = 1; i <= ELSEWHERE.length; i++) {
      both.client.rebind?.();
      for (let round = 0; portsOf(both).size <= i; round++) {
        if (round === ROUNDS) throw new Failure(`nothing came from socket ${i}`);
        await delay(PAUSE_MS);
      }
      await answered(both, `ping from socket ${i}`, true);
      await validated(both, both.server, i);
    }
    const seen = connectionIds(both.relay?.passages ?? [], 'to-server', LENGTH);
    if (before === both.server.idOfOther?.() || seen.size <= ELSEWHERE.length)
      throw new Failure(`the IDs on the way are ${[...seen].join(', ')}`);
    return `${seen.size} IDs`;
  });
}

function portsOf({ relay }: Encounter): Set<number> {
  return new Set(relay?.passages.map(({ clientPort }) => clientPort));
}
