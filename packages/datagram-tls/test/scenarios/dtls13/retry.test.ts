import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Connection } from '#lib/connection/connection.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { SPLIT_HELLO_BUDGET } from '#lib/endpoint/split-hellos.js';
import { decodeKeyShareRequest } from '#lib/extensions/key-share.js';
import { ExtensionType, Group, HandshakeType } from '#lib/wire/codes.js';
import { type ClientHello, decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { assertAlive } from '../../support/alive.js';
import { performNow } from '../../support/jobs.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { fragmentRecord, plainFragments } from '../../support/records.js';
import { behaviour, security, UNLIMITED } from '../../support/settings.js';

const version = 'DTLSv1.3';
const PEER = { address: '192.0.2.1', family: 'IPv4', port: 1 } as const;
const HYBRID = 'X25519MLKEM768:x25519:secp256r1';

/** Whole ClientHellos of the client, by message_seq; the parts of one have to arrive in order. */
function clientHellos(pair: Pair): Map<number, ClientHello> {
  const hellos = new Map<number, ClientHello>();
  const parts = new Map<number, Uint8Array>();
  pair.onDelivery = ({ data, from }) => {
    if (from !== 'client') return;
    for (const { messageSeq, length, fragmentOffset, fragment } of plainFragments(data)) {
      const body = parts.get(messageSeq) ?? new Uint8Array(length);
      body.set(fragment, fragmentOffset);
      parts.set(messageSeq, body);
      const hello = fragmentOffset + fragment.length === length ? decodeClientHello(body) : undefined;
      if (hello !== undefined) hellos.set(messageSeq, hello);
    }
  };
  return hellos;
}

function sharesOf(hello: ClientHello | undefined): number[] {
  const body = hello?.extensions.get(ExtensionType.key_share) ?? assert.fail('there is no key_share');
  return (decodeKeyShareRequest(body) ?? assert.fail()).map(({ group }) => group);
}

function hybrid(options: Partial<PairOptions> = {}): Pair {
  return new Pair({ version, client: { groups: HYBRID }, server: { groups: HYBRID }, ...options });
}

suite('the first flight of DTLS 1.3', () => {
  test('the first flight offers the hybrid group first and sends the share of X25519, in one datagram', () => {
    const pair = hybrid();
    const hellos = clientHellos(pair);
    pair.handshake();
    const [sent] = pair.client.traced;
    assert.ok(sent?.kind === 'flight' && sent.datagrams === 1 && sent.bytes < 300);
    assert.deepEqual(sharesOf(hellos.get(0)), [Group.x25519]);
  });

  test('the share of the hybrid group follows when the server requests it along with the cookie', () => {
    const pair = hybrid();
    const hellos = clientHellos(pair);
    pair.explain(() => pair.handshake());
    assert.deepEqual(sharesOf(hellos.get(1)), [Group.X25519MLKEM768]);
    assert.equal(pair.client.sessions[0]?.group, 'X25519MLKEM768');
    assert.deepEqual(pair.client.flights('sent').slice(0, 2), [['client_hello'], ['client_hello']]);
    assert.deepEqual(pair.client.flights('received')[0], ['hello_retry_request']);
    assertAlive(pair);
  });

  test('keyShares sends the named shares, and saves requesting one of them', () => {
    const pair = hybrid({ client: { groups: HYBRID, keyShares: 'x25519:X25519MLKEM768' } });
    const hellos = clientHellos(pair);
    pair.explain(() => pair.handshake());
    assert.deepEqual(sharesOf(hellos.get(0)), [Group.X25519MLKEM768, Group.x25519]);
    assert.deepEqual(sharesOf(hellos.get(1)), sharesOf(hellos.get(0)));
    assert.equal(pair.client.sessions[0]?.group, 'X25519MLKEM768');
  });

  test('the cookie comes first in the second ClientHello, which otherwise differs only in the share', () => {
    const pair = hybrid();
    const hellos = clientHellos(pair);
    pair.handshake();
    const [first, second] = [hellos.get(0), hellos.get(1)];
    assert.ok(first && second);
    assert.deepEqual([...second.extensions.keys()], [ExtensionType.cookie, ...first.extensions.keys()]);
    for (const [type, body] of first.extensions)
      if (type !== ExtensionType.key_share) assert.deepEqual(second.extensions.get(type), body);
    const { extensions: before, ...start } = first;
    const { extensions: after, ...again } = second;
    assert.ok(before !== after);
    assert.deepEqual(again, start);
  });

  test('session ID and cookie field are empty, and no ChangeCipherSpec is sent', () => {
    const pair = new Pair({ version });
    const hellos = clientHellos(pair);
    pair.handshake();
    for (const { sessionId, cookie } of hellos.values()) assert.equal(sessionId.length + cookie.length, 0);
    for (const side of [pair.client, pair.server])
      assert.ok(!side.flights('sent').flat().includes('change_cipher_spec'));
  });
});

suite('a HelloRetryRequest without an endpoint before it', () => {
  for (const [what, groups, seen] of [
    ['the share is missing', HYBRID, true],
    ['the share is there', 'x25519', false],
  ] as const) {
    test(`a connection without an endpoint ${seen ? 'sends a' : 'sends no'} HelloRetryRequest when ${what}`, () => {
      const client = security('client', version, { groups: HYBRID });
      const server = security('server', version, { groups });
      const ends = [
        {
          side: Connection.create(
            client,
            behaviour(),
            { serverName: undefined, verifyName: 'localhost' },
            PEER,
          ),
          own: client,
          received: [] as (readonly string[])[],
        },
        {
          side: Connection.create(
            server,
            behaviour(),
            { serverName: undefined, verifyName: undefined },
            PEER,
          ),
          own: server,
          received: [] as (readonly string[])[],
        },
      ] as const;
      for (const { side } of ends) side.start(0);
      for (let round = 0; round < 20; round++) {
        for (const [i, { side, own, received }] of ends.entries()) {
          for (let event = side.pollEvent(); event !== undefined; event = side.pollEvent()) {
            if (event.type === 'job') side.answer(event.id, performNow(event.job, own), 0);
            if (
              event.type === 'trace' &&
              event.event.kind === 'flight' &&
              event.event.direction === 'received'
            )
              received.push(event.event.messages);
          }
          for (let out = side.pollTransmit(); out !== undefined; out = side.pollTransmit())
            (ends[1 - i] ?? assert.fail()).side.receive(out.data, PEER, 0);
        }
      }
      assert.deepEqual(
        ends.map(({ side }) => side.phase),
        ['open', 'open'],
      );
      assert.equal(
        ends[0].received.some(([name]) => name === 'hello_retry_request'),
        seen,
      );
    });
  }
});

suite('ClientHellos of two datagrams at a server without state', () => {
  const MTU = 600;

  test('a first ClientHello in two datagrams: nothing is sent before it is complete, and the handshake succeeds', () => {
    const shares = { groups: HYBRID, keyShares: 'X25519MLKEM768' };
    const pair = hybrid({ client: shares, clientBehaviour: { mtu: MTU } });
    const answered: number[] = [];
    pair.onDelivery = ({ from }) => {
      if (from === 'client') answered.push(pair.server.endpoint.counters.cookiesSent);
    };
    pair.explain(() => pair.handshake());
    assert.deepEqual(answered.slice(0, 3), [0, 0, 0]);
    assert.equal(pair.server.endpoint.counters.partHellos >= 2, true);
    assertAlive(pair);
  });

  test('a second ClientHello in two datagrams is admitted by its first part', () => {
    const pair = hybrid({ clientBehaviour: { mtu: MTU } });
    pair.explain(() => pair.handshake());
    assert.equal(pair.server.endpoint.counters.partHellos, 0);
    assertAlive(pair);
  });

  for (const [what, order] of [
    ['reversed', (parts: Uint8Array[]) => parts.toReversed()],
    ['each twice', (parts: Uint8Array[]) => parts.flatMap((part) => [part, part])],
  ] as const) {
    test(`fragmented ClientHellos arrive ${what}`, () => {
      const pair = hybrid({ clientBehaviour: { mtu: MTU }, weather: { latency: 10 } });
      let parts: Uint8Array[] = [];
      pair.intercept = (data, from) => {
        const [fragment] = plainFragments(data);
        if (from !== 'client' || fragment === undefined || fragment.messageSeq !== 1) return [data];
        parts.push(data);
        if (fragment.fragmentOffset + fragment.fragmentLength < fragment.length) return [];
        const all = order(parts);
        parts = [];
        return all;
      };
      pair.explain(() => pair.handshake());
      assertAlive(pair);
    });
  }

  test('a restarting client with a fragmented ClientHello is accepted beside its old association', () => {
    const pair = hybrid({ client: { groups: HYBRID, keyShares: 'X25519MLKEM768' } }).handshake();
    const old = pair.server.entry;
    pair.restartClient().connect();
    pair.explain(() =>
      assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.entry !== old, 5000)),
    );
    pair.runFor(100);
    assert.equal(old.connection.phase, 'closed');
    assertAlive(pair);
  });

  test('fragments of ClientHellos from unvalidated addresses cost no more than the budget', () => {
    const endpoint = new Endpoint(UNLIMITED);
    endpoint.serve({ security: security('server', version), behaviour: behaviour() });
    const part = fragmentRecord({
      type: HandshakeType.client_hello,
      messageSeq: 0,
      length: 4000,
      fragment: new Uint8Array(1100).fill(1),
    });
    for (let i = 0; i < 5000; i++) endpoint.receive(part, `10.0.${i >> 8}.${i & 255}`, 1, 'IPv4', 0);
    assert.equal(endpoint.pollTransmit(), undefined);
    assert.ok(endpoint.partHelloBytes > 0.9 * SPLIT_HELLO_BUDGET);
    assert.ok(endpoint.partHelloBytes <= SPLIT_HELLO_BUDGET);
    // Time clears it, at the next part.
    endpoint.receive(part, '10.9.9.9', 1, 'IPv4', 60_000);
    assert.ok(endpoint.partHelloBytes < 2000);
  });
});
