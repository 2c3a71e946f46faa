import { type Encounter, encounter, Failure, type Plan } from '../exchange.js';
import { answered, reasons } from '../moving.js';
import { connectionIds } from '../net/wire.js';
import { ours } from '../peers/ours.js';
import type { Version } from '../vocabulary.js';
import type { Case, Pair } from './case.js';
import { BASE, named, whyNot } from './session.js';

/*
 * What our side begins: its client takes a fresh socket, and its server gives the client another connection ID.
 */

const TIMEOUT_MS = 90_000;
const HANDSHAKE_MS = 60_000;
const LENGTH = 8;
const MOVES = 3;
const TRIES = 10;
const LOSS = { loss: 0.2, duplicate: 0.05, reorder: 0.1, delay: 20 };

/** Of our client with a foreign server, and of our server with a foreign client. */
export function ownMoveCases(pair: Pair, version: Version): Case[] {
  if (pair.client === ours) return [rebindCase(pair, version, undefined), rebindCase(pair, version, 1)];
  const renews = pair.server === ours && version === 'DTLSv1.3';
  return renews ? [renewCase(pair, version, undefined), renewCase(pair, version, 1)] : [];
}

function planOf(version: Version, seed: number | undefined): Plan {
  const weather = seed === undefined ? {} : { weather: { ...LOSS, seed }, eager: true };
  const group = version === 'DTLSv1.3' ? { group: 'x25519' as const } : {};
  return { ...BASE, version, observed: true, cids: { client: 0, server: LENGTH }, ...group, ...weather };
}

function caseOf(
  pair: Pair,
  version: Version,
  what: string,
  seed: number | undefined,
  scene: (both: Encounter, lossy: boolean) => Promise<string>,
): Case {
  const plan = planOf(version, seed);
  const weather = seed === undefined ? '' : `, 20 % loss, seed ${seed}`;
  return {
    name: named(pair, version, `connection IDs: ${what}${weather}`),
    kind: seed === undefined ? 'session' : 'loss',
    ...pair,
    impossible: whyNot(pair, plan),
    slow: seed !== undefined,
    timeout: TIMEOUT_MS,
    run: async (pki) =>
      await encounter(pair.client, pair.server, plan, pki, async (both) => {
        if (!(await both.client.established(HANDSHAKE_MS)))
          throw new Failure(`no handshake: ${await reasons(both)}`);
        await answered(both, 'ping before', seed !== undefined);
        return await scene(both, seed !== undefined);
      }),
  };
}

/** The server answers at each socket, and the relay sees as many ports. */
function rebindCase(pair: Pair, version: Version, seed: number | undefined): Case {
  return caseOf(pair, version, 'our client takes fresh sockets', seed, async (both, lossy) => {
    const ports = new Set<number>();
    for (let i = 1; i <= MOVES; i++) {
      const port = both.client.rebind?.() ?? 0;
      ports.add(port);
      // A record that was overtaken on a lossy path moves no server: the answer comes to the socket before.
      for (let tries = 0; !isHeardAt(both, port); tries++) {
        if (tries === TRIES) throw new Failure(`nothing came to port ${port}`);
        await answered(both, `ping ${tries} from socket ${i}`, lossy);
      }
      // By then the client has read what came there, which ends its move.
      await answered(both, `ping behind move ${i}`, lossy);
    }
    if (ports.size !== MOVES) throw new Failure(`${MOVES} sockets had ${ports.size} ports`);
    const { client } = await both.finish();
    if (client.error !== undefined) throw new Failure(`the client failed: ${client.error}`);
    return `${MOVES} sockets`;
  });
}

function isHeardAt({ relay }: Encounter, port: number): boolean {
  const passages = relay?.passages ?? [];
  return passages.some(({ direction, clientPort }) => direction === 'to-client' && clientPort === port);
}

/** The client's records have the new ID, after that of the handshake. */
function renewCase(pair: Pair, version: Version, seed: number | undefined): Case {
  return caseOf(pair, version, 'our server renews the ID of its client', seed, async (both, lossy) => {
    const before = both.server.idOfOther?.();
    for (let i = 1; i <= MOVES; i++) {
      both.server.renewId?.();
      await answered(both, `ping under ID ${i}`, lossy);
    }
    const after = both.server.idOfOther?.();
    const seen = [...connectionIds(both.relay?.passages ?? [], 'to-server', LENGTH)];
    if (before === undefined || after === undefined || before === after)
      throw new Failure('the client has not changed its ID');
    if (!seen.includes(before) || !seen.includes(after))
      throw new Failure(`the IDs on the way are ${seen.join(', ')}`);
    return `${seen.length} IDs`;
  });
}
