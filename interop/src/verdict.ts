import type { Pair } from './cases/case.js';
import { type Encounter, Failure, type Plan } from './exchange.js';
import type { Direction } from './net/relay.js';
import { connectionIds } from './net/wire.js';
import type { Facts, Peer } from './peers/peer.js';
import type { Role } from './vocabulary.js';

type Told = 'version' | 'suite' | 'group' | 'scheme' | 'pskIdentity';
type Both = Record<Role, Facts>;

/** Checks both sides' reports of a session against the task. */
export function checkSession(facts: Both, plan: Plan, peers: Pair): void {
  checkFact(facts, 'version', plan.version ?? 'DTLSv1.2');
  if (plan.suite !== undefined) checkFact(facts, 'suite', plan.suite);
  if (plan.group !== undefined) checkFact(facts, 'group', plan.group);
  if (plan.scheme !== undefined) checkFact(facts, 'scheme', plan.scheme);
  // A side reports only HelloVerifyRequest; the relay sees a HelloRetryRequest.
  if (plan.cookie !== undefined && plan.version !== 'DTLSv1.3') checkCookie(facts.client, plan.cookie);
  if (plan.clientIdentity !== undefined && facts.server.clientVerified !== true) {
    throw new Failure('the server saw no proof of a client certificate');
  }
  // In DTLS 1.2 the suite says whether there is a key.
  if (plan.psk !== undefined && plan.version === 'DTLSv1.3')
    checkFact(facts, 'pskIdentity', plan.psk.client.identity);
  checkExporter(facts);
  checkClosing(facts, plan.closer, peers);
}

/** Checks that no datagram was larger than the path allows. */
export function checkSizes({ relay }: Encounter, mtu: number): void {
  const largest = Math.max(relay?.largest('to-client') ?? 0, relay?.largest('to-server') ?? 0);
  if (largest > mtu) throw new Failure(`a datagram of ${largest} bytes exceeds the MTU of ${mtu}`);
}

/** Checks that our server refused the client's key, and reports why. */
export function checkPskRefusal({ server }: Both, code: string): void {
  if (server.errorCode !== code) throw new Failure(`expected ${code}, got ${server.error ?? 'no error'}`);
}

/** Checks that the client sent the right alert, and that the server read the same. */
export function checkRefusal(facts: Both, client: Peer, plan: Plan): void {
  if (plan.trust === 'right') throw new Failure('a refusal needs a reason');
  const expected = client.refusals[plan.trust];
  expectIn(facts.client.alertsSent, expected, 'the client sent');
  expectIn(facts.server.alertsReceived, expected, 'the server received');
}

/** The length of the ID in the records that come to a side. */
export function idInUse({ cids }: Plan, to: Role): number {
  return cids?.client === undefined || cids.server === undefined ? 0 : (cids[to] ?? 0);
}

/** The relay decides: every protected record has its receiver's ID, or none where it wants none. */
export function checkIds({ relay }: Encounter, facts: Both, plan: Plan): void {
  for (const to of ['client', 'server'] as const) {
    const direction: Direction = to === 'client' ? 'to-client' : 'to-server';
    const length = idInUse(plan, to);
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

// Not every peer reports everything. What is reported must be right, and one of the two has to report it.
function checkFact(facts: Both, name: Told, expected: string): void {
  const told = (['client', 'server'] as const).filter((role) => facts[role][name] !== undefined);
  if (told.length === 0) throw new Failure(`neither side tells the ${name}`);
  for (const role of told) {
    const actual = facts[role][name] ?? '';
    if (actual !== expected)
      throw new Failure(`the ${role} says that the ${name} is ${actual}, not ${expected}`);
  }
}

function checkExporter({ client, server }: Both): void {
  if (client.exporter === undefined || server.exporter === undefined) return;
  if (client.exporter !== server.exporter) throw new Failure('the exporters of the two sides differ');
}

function checkCookie(client: Facts, expected: boolean): void {
  const seen = client.cookie === true;
  if (seen !== expected)
    throw new Failure(seen ? 'the client was asked for a cookie' : 'no cookie was asked for');
}

function checkClosing(facts: Both, closer: Role, peers: Pair): void {
  const other = closer === 'client' ? 'server' : 'client';
  expectIn(facts[closer].alertsSent, 'close_notify', `the ${closer} sent`);
  expectIn(facts[other].alertsReceived, 'close_notify', `the ${other} received`);
  if (peers[closer].closing.waits && peers[other].closing.answers) {
    expectIn(facts[closer].alertsReceived, 'close_notify', `the ${closer} received in answer`);
  }
}

function expectIn(alerts: readonly string[], expected: string, who: string): void {
  if (alerts.includes(expected)) return;
  throw new Failure(`${who} ${alerts.length === 0 ? 'no alert' : alerts.join(', ')} instead of ${expected}`);
}
