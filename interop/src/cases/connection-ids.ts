import { encounter, type Plan } from '../exchange.js';
import {
  isInHandshake,
  type Moment,
  moveBeforeLastFlight,
  moveBehindFinished,
  moveInHandshake,
  moving,
  unmoved,
} from '../moving.js';
import { mbedtls3 } from '../peers/mbedtls3.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { pion, pion3 } from '../peers/pion.js';
import { scandium } from '../peers/scandium.js';
import { wolfssl } from '../peers/wolfssl.js';
import { checkIds, idInUse } from '../verdict.js';
import type { Version } from '../vocabulary.js';
import { idCaptureCase } from './capture.js';
import { bothWays, type Case, type Pair } from './case.js';
import { attackCases, movingAttackCases } from './connection-id-attacks.js';
import { portCases } from './connection-id-ports.js';
import { idSuiteCases } from './connection-id-suites.js';
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
    [1, 0],
    [8, 0],
    [20, 0],
    [undefined, 8],
    [8, undefined],
  ]),
  // Those that a move in the handshake has, too: not every server follows one.
  ...rows('in mid-session', [
    [0, 1],
    [0, 8],
    [1, 8],
    [1, 20],
    [8, 1],
    [8, 20],
    [20, 1],
    [20, 20],
  ]),
  ...rows('in the handshake', [
    [0, 1],
    [1, 8],
    [8, 20],
    [20, 1],
  ]),
  ...rows('when the ACK of its Finished is lost', [
    [0, 8],
    [8, 20],
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
    ...idSuiteCases(pair, version),
    ...attackCases(pair, version, 'client'),
    ...(pair.server === pion && pair.client !== ours ? [] : movingAttackCases(pair, version)),
    ...(pair.client === ours ? attackCases(pair, version, 'server') : []),
    ...(pair.server === ours ? portCases(pair.client, version) : []),
    ...ownMoveCases(pair, version),
  ];
}

function rowsOf(version: Version): Row[] {
  const others: readonly Moment[] =
    version === 'DTLSv1.3'
      ? // Only its last flight is protected by keys that both sides have.
        ['before its last flight']
      : ['during a KeyUpdate', 'when the ACK of its Finished is lost'];
  return ROWS.filter(({ moment }) => !others.includes(moment));
}

function rows(moment: Moment, lengths: readonly Lengths[]): Row[] {
  return lengths.map((pair) => ({ moment, lengths: pair }));
}

function rowCase(pair: Pair, version: Version, { moment, lengths, seed }: Row): Case {
  const [client, server] = lengths;
  // wolfSSL and pion agree only where a ClientHello is one datagram.
  const foreign = pair.client !== ours && pair.server !== ours;
  const plan: Plan = {
    ...BASE,
    version,
    observed: true,
    ...(version === 'DTLSv1.3' && (foreign || seed !== undefined)
      ? { group: foreign ? ('x25519' as const) : ('X25519MLKEM768' as const) }
      : {}),
    checksFirst: pair.server === pion,
    cids: { ...(client === undefined ? {} : { client }), ...(server === undefined ? {} : { server }) },
    ...(seed === undefined ? {} : { weather: { ...LOSS, seed }, eager: true }),
    ...(moment === 'during a KeyUpdate' ? { keyUpdate: { by: 'both', request: true } } : {}),
  };
  return {
    name: named(pair, version, idsName(lengths), momentName(moment, seed)),
    kind: seed === undefined ? 'session' : 'loss',
    ...pair,
    impossible: cannotMove(pair, version, moment) ?? whyNot(pair, plan),
    slow: seed !== undefined || waitsForTimer(moment, version),
    timeout: TIMEOUT_MS,
    run: async (pki) => {
      return await encounter(
        pair.client,
        pair.server,
        { ...plan, ...rewriteOf(moment, version) },
        pki,
        async (both) => {
          const followed = moment !== 'never' || idInUse(plan, 'server') > 0;
          const facts = await (followed ? moving(both, plan, moment) : unmoved(both));
          checkIds(both, facts, plan);
          return `${both.relay?.moves ?? 0} moves`;
        },
      );
    },
  };
}

function waitsForTimer(moment: Moment, version: Version): boolean {
  return (
    moment === 'when the ACK of its Finished is lost' || (isInHandshake(moment) && version === 'DTLSv1.2')
  );
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
  if (moment === 'when the ACK of its Finished is lost') return { rewrite: moveBehindFinished() };
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
