import { type Encounter, encounter, Failure, type Plan } from '../exchange.js';
import {
  isInHandshake,
  type Moment,
  moveBeforeLastFlight,
  moveInHandshake,
  moving,
  unmoved,
} from '../moving.js';
import type { Direction } from '../net/relay.js';
import { connectionIds } from '../net/wire.js';
import { mbedtls3 } from '../peers/mbedtls3.js';
import { ours } from '../peers/ours.js';
import type { Facts, Peer } from '../peers/peer.js';
import { pion, pion3 } from '../peers/pion.js';
import { scandium } from '../peers/scandium.js';
import { wolfssl } from '../peers/wolfssl.js';
import type { Role, Version } from '../vocabulary.js';
import { idCaptureCase } from './capture.js';
import { bothWays, type Case, type Pair } from './case.js';
import { attackCases } from './connection-id-attacks.js';
import { portCases } from './connection-id-ports.js';
import { ownMoveCases } from './own-moves.js';
import { BASE, named, whyNot } from './session.js';

const TIMEOUT_MS = 90_000;
const LOSS = { loss: 0.2, duplicate: 0.05, reorder: 0.1, delay: 20 };
/** Peers with connection IDs (RFC 9146, RFC 9147 §9), and the versions in which they have them. */
const PEERS: readonly (readonly [Peer, readonly Version[]])[] = [
  [wolfssl, ['DTLSv1.2', 'DTLSv1.3']],
  [scandium, ['DTLSv1.2']],
  [pion3, ['DTLSv1.2']],
  [pion, ['DTLSv1.2', 'DTLSv1.3']],
  [mbedtls3, ['DTLSv1.2']],
];

/** The lengths that client and server want, bytes. */
type Lengths = readonly [client: number | undefined, server: number | undefined];

interface Row {
  readonly moment: Moment;
  readonly lengths: Lengths;
  readonly seed?: number;
}

/** Every two lengths occur together, and each with every moment. */
const ROWS: readonly Row[] = [
  ...rows('never', [
    [0, 0],
    [8, 0],
    [undefined, 8],
    [8, undefined],
  ]),
  ...rows('in mid-session', [
    [0, 8],
    [1, 20],
    [8, 1],
    [20, 20],
  ]),
  ...rows('in the handshake', [
    [0, 1],
    [1, 8],
    [8, 20],
    [20, 1],
  ]),
  ...rows('before its last flight', [
    [0, 8],
    [8, 1],
    [1, 20],
  ]),
  ...rows('during a KeyUpdate', [
    [0, 20],
    [8, 8],
  ]),
  ...rows('in mid-session', [
    [0, 20],
    [1, 1],
    [8, 8],
    [20, 8],
  ]).map((row, index) => ({ ...row, seed: index + 1 })),
];

/** Our library with each of these, in both roles. */
export function connectionIdCases(): Case[] {
  return PEERS.flatMap(([peer, versions]) =>
    bothWays(peer, ours).flatMap((pair) => versions.flatMap((version) => casesOf(pair, version))),
  );
}

/** Foreign peers with each other. */
export function connectionIdBaseline(): Case[] {
  return PEERS.flatMap(([client, versions]) =>
    PEERS.filter(([server]) => server !== client).flatMap(([server, others]) =>
      versions
        .filter((version) => others.includes(version))
        .flatMap((version) => casesOf({ client, server }, version)),
    ),
  );
}

function casesOf(pair: Pair, version: Version): Case[] {
  return [
    ...(version === 'DTLSv1.2' ? [idCaptureCase(pair)] : []),
    ...rowsOf(version).map((row) => rowCase(pair, version, row)),
    ...attackCases(pair, version, 'client'),
    ...(pair.client === ours ? attackCases(pair, version, 'server') : []),
    ...(pair.server === ours ? portCases(pair.client, version) : []),
    ...ownMoveCases(pair, version),
  ];
}

function rowsOf(version: Version): Row[] {
  // In DTLS 1.3 the two moments of a handshake are the same.
  const other: Moment = version === 'DTLSv1.3' ? 'before its last flight' : 'during a KeyUpdate';
  return ROWS.filter(({ moment }) => moment !== other);
}

function rows(moment: Moment, lengths: readonly Lengths[]): Row[] {
  return lengths.map((pair) => ({ moment, lengths: pair }));
}

function rowCase(pair: Pair, version: Version, { moment, lengths, seed }: Row): Case {
  const [client, server] = lengths;
  // wolfSSL and pion agree only where a ClientHello is one datagram, and pion has no hybrid group.
  const small = pair.client === pion || pair.server === pion;
  const foreign = pair.client !== ours && pair.server !== ours;
  const plan: Plan = {
    ...BASE,
    version,
    observed: true,
    ...(version === 'DTLSv1.3' && (foreign || seed !== undefined)
      ? { group: foreign || small ? ('x25519' as const) : ('X25519MLKEM768' as const) }
      : {}),
    cids: { ...(client === undefined ? {} : { client }), ...(server === undefined ? {} : { server }) },
    ...(seed === undefined ? {} : { weather: { ...LOSS, seed }, eager: true }),
    ...(moment === 'during a KeyUpdate' ? { keyUpdate: { by: 'both', request: true } } : {}),
  };
  return {
    name: named(pair, version, idsName(lengths), momentName(moment, seed)),
    kind: seed === undefined ? 'session' : 'loss',
    ...pair,
    impossible: cannotMove(pair, version, moment) ?? whyNot(pair, plan),
    slow: seed !== undefined || (isInHandshake(moment) && version === 'DTLSv1.2'),
    timeout: TIMEOUT_MS,
    run: async (pki) => {
      return await encounter(
        pair.client,
        pair.server,
        { ...plan, ...rewriteOf(moment, version) },
        pki,
        async (both) => {
          const followed = moment !== 'never' || inUse(plan, 'server') > 0;
          const facts = await (followed ? moving(both, plan, moment) : unmoved(both));
          checkIds(both, facts, plan);
          return `${both.relay?.moves ?? 0} moves`;
        },
      );
    },
  };
}

function cannotMove({ client, server }: Pair, version: Version, moment: Moment): string | undefined {
  if (server === pion && client !== ours && moment !== 'never')
    return 'a pion 4 server follows a client only by return routability';
  if (!isInHandshake(moment) || version === 'DTLSv1.3') return undefined;
  if (client === pion3 && server === ours && moment === 'in the handshake')
    return 'a pion3 client repeats Finished as the same record, as anybody could who has a copy of it';
  if (server === ours) return undefined;
  // All but the last record of its flight are plaintext from an unknown address.
  return `a ${server.name} server follows no client in a handshake of DTLS 1.2`;
}

function rewriteOf(moment: Moment, version: Version): Pick<Plan, 'rewrite'> {
  if (moment === 'in the handshake') return { rewrite: moveInHandshake(version) };
  return moment === 'before its last flight' ? { rewrite: moveBeforeLastFlight() } : {};
}

function idsName([client, server]: Lengths): string {
  const words = (length: number | undefined) => (length === undefined ? 'none' : `${length}`);
  return `connection IDs of ${words(client)} and ${words(server)} bytes`;
}

function momentName(moment: Moment, seed: number | undefined): string {
  const moves = moment === 'never' ? 'a move that is not followed' : `moved ${moment}`;
  return seed === undefined ? moves : `${moves}, 20 % loss, seed ${seed}`;
}

/** The length of the ID in the records that come to a side. */
function inUse({ cids }: Plan, to: Role): number {
  return cids?.client === undefined || cids.server === undefined ? 0 : (cids[to] ?? 0);
}

/** The relay decides: every protected record has its receiver's ID, or none where it wants none. */
function checkIds({ relay }: Encounter, facts: Record<Role, Facts>, plan: Plan): void {
  for (const to of ['client', 'server'] as const) {
    const direction: Direction = to === 'client' ? 'to-client' : 'to-server';
    const length = inUse(plan, to);
    const ids = [...connectionIds(relay?.passages ?? [], direction, length)];
    if (ids.length !== 1 || ids[0]?.length !== 2 * length)
      throw new Failure(
        `the ${to} wants an ID of ${length} bytes, and gets ${ids.map((id) => `"${id}"`).join(', ')}`,
      );
    const from = to === 'client' ? 'server' : 'client';
    for (const told of [facts[to].cids?.own, facts[from].cids?.other]) {
      if (told !== undefined && told !== ids[0])
        throw new Failure(`the ID on the way to the ${to} is "${ids[0]}", and a side says "${told}"`);
    }
  }
}
