import { Failure } from '../exchange.js';
import { boringssl } from '../peers/boringssl.js';
import { nss } from '../peers/nss.js';
import { ours } from '../peers/ours.js';
import type { Peer } from '../peers/peer.js';
import { wolfssl } from '../peers/wolfssl.js';
import type { Pki } from '../pki.js';
import { type Case, type Pair, pairName } from './case.js';
import { type Told, theyVisit, type Visits, weVisit } from './early-visits.js';

/** What is lost first: the ClientHello and an answer, the early data, the server's flight, two of them. */
const SEEDS = [12, 28, 6, 13];
const TIMEOUT_MS = 120_000;

/** Early data of DTLS 1.3: accepted, refused and sent again, replayed, and on lossy paths. */
export function earlyDataCases(): Case[] {
  const taken = (peer: Peer): Visits => ({ peer, outcome: 'accepted' });
  const refused = (peer: Peer): Visits => ({ peer, outcome: 'refused' });
  const lossy = (peer: Peer): Visits[] => SEEDS.map((seed) => ({ peer, outcome: 'accepted', seed }));
  const servers = [
    taken(wolfssl),
    ...lossy(wolfssl),
    refused(wolfssl),
    refused(nss),
    taken(nss),
    taken(boringssl),
  ];
  const clients = [
    ...[wolfssl, nss].flatMap((peer) => [
      ...[taken(peer), ...lossy(peer), refused(peer)],
      { ...taken(peer), replayed: true },
    ]),
    { ...taken(nss), cut: true },
    taken(boringssl),
  ];
  return [
    ...servers.map((visits) => earlyCase({ client: ours, server: visits.peer }, visits, weVisit)),
    ...clients.map((visits) => earlyCase({ client: visits.peer, server: ours }, visits, theyVisit)),
  ];
}

function earlyCase(pair: Pair, visits: Visits, run: (visits: Visits, pki: Pki) => Promise<Told>): Case {
  const { seed } = visits;
  return {
    name: `${pairName(pair)}, DTLSv1.3, early data ${fateOf(visits)}`,
    kind: seed === undefined ? 'session' : 'loss',
    ...pair,
    impossible: whyNot(pair, visits),
    slow: seed !== undefined,
    timeout: TIMEOUT_MS,
    run: async (pki) => judged(await run(visits, pki), visits),
  };
}

function fateOf({ outcome, seed, cut, replayed }: Visits): string {
  if (seed !== undefined) return `on a path with 25 % loss, seed ${seed}`;
  if (cut === true) return 'taken by a server of whose flight only the ServerHello arrives';
  return replayed === true ? 'replayed' : outcome;
}

function whyNot({ server }: Pair, { peer, outcome }: Visits): string | undefined {
  if (peer === boringssl) return 'BoringSSL has no early data in DTLS';
  return server === nss && outcome === 'accepted'
    ? 'an NSS server that took early data waits for EndOfEarlyData, which DTLS does not have'
    : undefined;
}

/**
 * Both sides report the same; a foreign server knows only what arrived. Accepted data may be lost, as any datagram,
 * and so may repeated data, but it never arrives twice.
 */
function judged(
  { client, server, came, replay, acks }: Told,
  { outcome, seed, cut, replayed }: Visits,
): string {
  const told = `${client ?? 'unknown'} to the client, ${server ?? 'unknown'} to the server, came ${came} times`;
  const lossy = seed !== undefined;
  const agreed = client === server || (lossy && client === 'accepted' && came === 0 && server === 'nothing');
  if (!agreed || came > 1) throw new Failure(told);
  if (!lossy && (client !== outcome || came !== 1)) throw new Failure(told);
  if (replayed === true && replay !== 'replayed')
    throw new Failure(`the replay was refused for ${replay ?? 'nothing'}`);
  if (cut === true && acks !== 1) throw new Failure(`${acks ?? 0} ACKs in epoch 1`);
  return told;
}
