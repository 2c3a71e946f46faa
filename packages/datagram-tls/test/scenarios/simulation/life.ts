import assert from 'node:assert/strict';
import { concat, sameBytes } from '#lib/base/bytes.js';
import { FAIR } from '../../support/network.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';
import type { Side } from '../../support/side.js';

/** How a whole association went. */
export interface Outcome {
  readonly pair: Pair;
  /** Both sides were connected. */
  readonly connected: boolean;
}

/** Longer than any of the timers that decide a handshake, and shorter than a session may be silent, ms. */
const A_HANDSHAKE = 1_700_000;
/** So long after the last message everything has arrived, ms. */
const QUIET = 5000;

export interface LifeOptions extends PairOptions {
  /** DTLS 1.3: either side updates its keys now and then, with or without a request to the peer. */
  readonly keyUpdates?: boolean;
  /** The client resumes a session that began on a path without loss. */
  readonly resumes?: boolean;
}

/** Handshake, echo traffic with every message accounted for, and the end of both sides. */
export function live({ keyUpdates = false, resumes = false, ...options }: LifeOptions): Outcome {
  const pair = resumes ? comesBack(options) : new Pair(options);
  pair.explain(() => {
    pair.connect();
    pair.runUntil(() => decided(pair), A_HANDSHAKE);
    assert.ok(decided(pair), 'the handshake neither succeeded nor failed');
  });
  const connected = pair.client.isConnected && pair.server.isConnected;
  pair.explain(() => {
    if (connected && resumes) assert.ok(isResumed(pair), 'the session was not resumed');
    if (connected) {
      talk(pair, keyUpdates);
      part(pair);
    }
    // A ClientHello may still be under way to a server that then waits in vain.
    pair.runFor(A_HANDSHAKE);
    for (const side of [pair.client, pair.server]) if (side.isConnected) pair.close(side);
    pair.runFor(QUIET);
    everythingEnds(pair);
  });
  return { pair, connected };
}

function comesBack(options: PairOptions): Pair {
  const first = new Pair({ ...options, weather: FAIR }).handshake();
  return returning(savedSession(first), { ...options, today: first.date });
}

/** Both handshakes are over. The side that sent the last flight cannot know whether it arrived. */
function decided({ client, server }: Pair): boolean {
  return client.phase !== 'handshaking' && server.phase !== 'handshaking';
}

/** A server that no good cookie reached has no association. */
function exists(side: Side): boolean {
  return side.phase !== 'none';
}

/** What one side was sent; a message is known by its number, with which it begins. */
class Account {
  readonly #sent = new Map<number, Uint8Array>();
  /** Messages whose datagram arrived unchanged at least once. */
  readonly #arrived = new Set<number>();
  readonly #messageOf = new Map<number, number>();

  sent(message: Uint8Array, datagram: number): void {
    const number = this.#sent.size;
    this.#sent.set(number, message);
    this.#messageOf.set(datagram, number);
  }

  arrived(datagram: number): void {
    const number = this.#messageOf.get(datagram);
    if (number !== undefined) this.#arrived.add(number);
  }

  get nextNumber(): number {
    return this.#sent.size;
  }

  /** Every message that arrived whole was delivered; none twice, none altered, none that was not sent. */
  settle(delivered: readonly Uint8Array[]): void {
    const seen = new Set<number>();
    for (const message of delivered) {
      const number = numberOf(message);
      assert.ok(!seen.has(number), `message ${number} was delivered twice`);
      seen.add(number);
      const sent = this.#sent.get(number);
      assert.ok(sent !== undefined, `message ${number} was invented`);
      assert.ok(sameBytes(message, sent), `message ${number} was altered`);
    }
    for (const number of this.#arrived) assert.ok(seen.has(number), `message ${number} was swallowed`);
  }
}

function numberOf(message: Uint8Array): number {
  assert.ok(message.length >= 2, 'a message lost its number');
  return ((message[0] as number) << 8) | (message[1] as number);
}

/** The client sends, and the server echoes each message under a new number. */
function talk(pair: Pair, keyUpdates: boolean): void {
  const { client, server, random } = pair;
  const toServer = new Account();
  const toClient = new Account();
  pair.onDelivery = (packet, to) => {
    if (!packet.damaged) (to === server ? toServer : toClient).arrived(packet.id);
  };
  let echoed = 0;
  for (let round = random.between(1, 6); round > 0; round--) {
    if (keyUpdates) renew(pair, round);
    for (let burst = random.between(1, 4); burst > 0; burst--) {
      post(pair, client, toServer, random.below(client.entry.connection.maxMessageSize - 1));
    }
    pair.runFor(random.below(100));
    for (; echoed < server.messages.length; echoed++) {
      post(pair, server, toClient, (server.messages[echoed]?.length ?? 2) - 2);
    }
  }
  pair.runFor(QUIET);
  pair.onDelivery = undefined;
  toServer.settle(server.messages);
  toClient.settle(client.messages);
}

/** Starts key updates of one side, the other, both, or none; at most one generation is then on its way beside another. */
function renew(pair: Pair, round: number): void {
  const { random } = pair;
  for (const side of [pair.client, pair.server]) {
    if (!random.chance(0.5)) continue;
    side.entry.connection.updateKeys({ requestPeer: random.chance(0.5) }, pair.now);
    side.endpoint.touch(side.entry);
  }
  pair.drain();
  if (round % 2 === 0) pair.runFor(QUIET);
}

function post(pair: Pair, from: Side, account: Account, length: number): void {
  const number = account.nextNumber;
  const message = concat(Uint8Array.of(number >>> 8, number), pair.random.bytes(length));
  account.sent(message, pair.send(from, message));
}

/** One side says goodbye; if its word is lost, the other side says it too. */
function part(pair: Pair): void {
  const [first, second] = pair.random.chance(0.5) ? [pair.client, pair.server] : [pair.server, pair.client];
  pair.close(first);
  pair.runFor(QUIET);
  assert.ok(first.isClosed, 'the side that closed never came to an end');
  if (!second.isClosed) pair.close(second);
  pair.runFor(QUIET);
  for (const side of [first, second]) assert.equal(side.error, undefined, `${side.role} ended with an error`);
}

/** Nothing is left behind: no association, no timer, no datagram. */
function everythingEnds(pair: Pair): void {
  for (const side of [pair.client, pair.server]) {
    assert.ok(side.isClosed || !exists(side), `the ${side.role} lives on as ${side.phase}`);
    assert.equal(side.endpoint.size, 0, `the ${side.role} holds an association`);
    assert.equal(side.endpoint.pollTimeout(), undefined, `the ${side.role} waits for something`);
  }
}
