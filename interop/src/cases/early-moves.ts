import { type Encounter, encounter, Failure, type Plan } from '../exchange.js';
import { moveAfterRetry, moveBeforeFlight, moving } from '../moving.js';
import { retryRequests } from '../net/wire.js';
import { dimpl } from '../peers/dimpl.js';
import { gnutls } from '../peers/gnutls.js';
import { mbedtls3 } from '../peers/mbedtls3.js';
import { nss } from '../peers/nss.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { pion3 } from '../peers/pion.js';
import { scandium } from '../peers/scandium.js';
import { wolfssl } from '../peers/wolfssl.js';
import { refusal } from '../scenes.js';
import { bothWays, type Case, type Pair } from './case.js';
import { BASE, named, whyNot } from './session.js';

/*
 * A client whose address changes before it has the server's flight, and that begins anew at the new one: in DTLS 1.2, when the
 * server asks for a cookie there; in DTLS 1.3, when it refuses the cookie of the former address.
 */

const TIMEOUT_MS = 90_000;
const PEERS: readonly Peer[] = [openssl, gnutls, wolfssl, scandium, pion3, mbedtls3];
const PEERS_13: readonly Peer[] = [wolfssl, dimpl, nss];

export function earlyMoveCases(): Case[] {
  return [
    ...PEERS.flatMap((peer) =>
      bothWays(peer, ours).flatMap((pair) => [earlyMoveCase(pair, 'none'), earlyMoveCase(pair, 'a part')]),
    ),
    ...PEERS_13.flatMap((peer) => bothWays(peer, ours).map(retriedMoveCase)),
  ];
}

/** `arrived`: what the client has of the flight. */
function earlyMoveCase(pair: Pair, arrived: 'none' | 'a part'): Case {
  const plan: Plan = { ...BASE, version: 'DTLSv1.2', observed: true, eager: true };
  return moveCase(pair, plan, {
    moment: `moved before the server's flight, of which it has ${arrived}`,
    kind: 'session',
    impossible: cannot(pair, arrived),
    rewrite: () => moveBeforeFlight(arrived === 'a part'),
    meet: async (both) => {
      await moving(both, plan, 'before its last flight');
      return `${both.relay?.moves ?? 0} moves`;
    },
  });
}

/** What is different in one kind of move. */
interface Move {
  readonly moment: string;
  readonly kind: Case['kind'];
  readonly impossible: string | undefined;
  /** For each try. */
  readonly rewrite: () => NonNullable<Plan['rewrite']>;
  readonly meet: (both: Encounter) => Promise<string>;
}

function moveCase(pair: Pair, plan: Plan, { moment, kind, impossible, rewrite, meet }: Move): Case {
  return {
    name: named(pair, plan.version, moment),
    kind,
    ...pair,
    impossible: impossible ?? whyNot(pair, plan),
    slow: true,
    timeout: TIMEOUT_MS,
    run: async (pki) => await encounter(pair.client, pair.server, { ...plan, rewrite: rewrite() }, pki, meet),
  };
}

/** What each of them did in the same case when it was tried. */
function cannot({ client, server }: Pair, arrived: 'none' | 'a part'): string | undefined {
  if (server === gnutls)
    return 'gnutls-serv makes one handshake after the other, and waits for the address that was left';
  if (server === pion3)
    return 'pion takes no ClientHello from a new address but the first, and the client repeats its second one';
  if (client === wolfssl && arrived === 'none')
    return 'wolfSSL ends its handshake at a second HelloVerifyRequest (-395)';
  if (client !== ours && arrived === 'a part')
    return `${client.name} takes no HelloVerifyRequest once it has a ServerHello`;
  return undefined;
}

/** A client of ours begins again. RFC 9147 §5.1 lets others end, when they are told why. */
function retriedMoveCase(pair: Pair): Case {
  const plan: Plan = { ...BASE, version: 'DTLSv1.3', observed: true, eager: true };
  const isOurs = pair.client === ours;
  return moveCase(pair, plan, {
    moment: 'moved after the HelloRetryRequest',
    kind: isOurs ? 'session' : 'refusal',
    impossible: cannotRetry(pair.server),
    rewrite: moveAfterRetry,
    meet: isOurs ? retriedMove : refusedMove,
  });
}

/** What each of them did when it was tried. */
function cannotRetry(server: Peer): string | undefined {
  if (server === nss) return 'the program around NSS has one client, and cookies without an address';
  if (server === dimpl)
    return 'dimpl takes no ClientHello from a new address but the first, and refuses no cookie of a second one';
  return undefined;
}

async function retriedMove(both: Encounter): Promise<string> {
  await moving(both, { ...BASE, version: 'DTLSv1.3' }, 'before its last flight');
  return `${checkRetries(both, 2)} HelloRetryRequests`;
}

async function refusedMove(both: Encounter): Promise<string> {
  const { client } = await refusal(both);
  checkRetries(both, 1);
  if (client.established || !client.alertsReceived.includes('illegal_parameter'))
    throw new Failure(`the client was not told why: ${client.alertsReceived.join(', ') || 'nothing'}`);
  return 'illegal_parameter';
}

function checkRetries(both: Encounter, least: number): number {
  const { moves = 0, passages = [] } = both.relay ?? {};
  const requests = retryRequests(passages);
  if (moves !== 1 || requests < least) throw new Failure(`${moves} moves and ${requests} HelloRetryRequests`);
  return requests;
}
