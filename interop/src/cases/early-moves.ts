import { encounter, type Plan } from '../exchange.js';
import { moveBeforeFlight, moving } from '../moving.js';
import { gnutls } from '../peers/gnutls.js';
import { mbedtls3 } from '../peers/mbedtls3.js';
import { openssl } from '../peers/openssl.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { pion3 } from '../peers/pion.js';
import { scandium } from '../peers/scandium.js';
import { wolfssl } from '../peers/wolfssl.js';
import { bothWays, type Case, type Pair } from './case.js';
import { BASE, named, whyNot } from './session.js';

/*
 * A client of DTLS 1.2 whose address changes before it has the server's flight: it begins anew at the new one, when the server
 * asks for a cookie there.
 */

const TIMEOUT_MS = 90_000;
const VERSION = 'DTLSv1.2';
const PEERS: readonly Peer[] = [openssl, gnutls, wolfssl, scandium, pion3, mbedtls3];

/** Programs around a library that is told of datagrams by its caller. */
const SERVE_ONE: readonly Peer[] = [wolfssl, pion3, mbedtls3];

export function earlyMoveCases(): Case[] {
  return PEERS.flatMap((peer) =>
    bothWays(peer, ours).flatMap((pair) => [earlyMoveCase(pair, 'none'), earlyMoveCase(pair, 'a part')]),
  );
}

/** `arrived`: what the client has of the flight. */
function earlyMoveCase(pair: Pair, arrived: 'none' | 'a part'): Case {
  const plan: Plan = { ...BASE, version: VERSION, observed: true, eager: true };
  const moment = `moved before the server's flight, of which it has ${arrived}`;
  return {
    name: named(pair, VERSION, moment),
    kind: 'session',
    ...pair,
    impossible: cannot(pair, arrived) ?? whyNot(pair, plan),
    slow: true,
    timeout: TIMEOUT_MS,
    run: async (pki) =>
      await encounter(
        pair.client,
        pair.server,
        { ...plan, rewrite: moveBeforeFlight(arrived === 'a part') },
        pki,
        async (both) => {
          await moving(both, plan, 'before its last flight');
          return `${both.relay?.moves ?? 0} moves`;
        },
      ),
  };
}

/** What each of them did in the same case when it was tried. */
function cannot({ client, server }: Pair, arrived: 'none' | 'a part'): string | undefined {
  if (server === gnutls)
    return 'gnutls-serv makes one handshake after the other, and waits for the address that was left';
  if (SERVE_ONE.includes(server))
    return `the ${server.name} server has one client, at the address that it came from first`;
  if (client === wolfssl && arrived === 'none')
    return 'wolfSSL ends its handshake at a second HelloVerifyRequest (-395)';
  if (client !== ours && arrived === 'a part')
    return `${client.name} takes no HelloVerifyRequest once it has a ServerHello`;
  return undefined;
}
