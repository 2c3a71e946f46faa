// A client of DTLS 1.2 whose address changes before it has the server's whole flight, for which
// its server has no state at the new one. It begins anew, with the same ClientHello and the cookie of its new address.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandshakeType } from '#lib/wire/codes.js';
import { assertAlive, assertOpensWhereItIs } from '../../support/alive.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainRecord, recordsOf } from '../../support/records.js';
import { returning, savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.2';
const KEY = new Uint8Array(16).fill(7);
/** The server's flight takes several datagrams. */
const MTU = 256;
/** The first timer of the client, and what a handshake takes, ms. */
const PATIENCE = 2500;

const SETTINGS: Readonly<Record<string, Pick<PairOptions, 'client' | 'server'>>> = {
  'a certificate of the server': {},
  'certificates of both sides': {
    client: CLIENTS.ed25519,
    server: { ...SERVERS.ed25519, requestCert: true },
  },
  'a pre-shared key': {
    client: { psk: { identity: 'client', key: KEY }, ciphers: 'TLS_PSK_WITH_AES_128_GCM_SHA256' },
    server: { psk: { client: KEY }, ciphers: 'TLS_PSK_WITH_AES_128_GCM_SHA256' },
  },
};

function pairWith(options: PairOptions = {}, connectionId: 8 | false = 8): Pair {
  return new Pair({
    version,
    ...options,
    clientBehaviour: { connectionId: 0, mtu: MTU, ...options.clientBehaviour },
    serverBehaviour: { connectionId, mtu: MTU, ...options.serverBehaviour },
  });
}

/** Whether its first message is of `type`. */
function holds(data: Uint8Array, type: number): boolean {
  return data[0] === 22 && data[13] === type;
}

/** The client moves when datagram `at` of the pair arrives, which is lost. Returns how many came. */
function moveAt(pair: Pair, at: number): () => number {
  let count = 0;
  pair.intercept = (data) => {
    if (count++ !== at) return [data];
    pair.rebind(pair.client);
    return [];
  };
  return () => count;
}

/** Datagrams until the server's flight is whole. */
function datagramsBefore(options: PairOptions): number {
  const pair = pairWith(options);
  let count = 0;
  let flight = 0;
  pair.intercept = (data, from) => {
    count++;
    if (from === 'server' && !holds(data, HandshakeType.hello_verify_request)) flight ||= count;
    if (from === 'client' && flight > 0) pair.intercept = undefined;
    return [data];
  };
  pair.handshake();
  return count - 1;
}

suite('a client of DTLS 1.2 that moves before it has the flight of the server', () => {
  for (const [how, settings] of Object.entries(SETTINGS))
    for (const connectionId of [8, false] as const)
      test(`${how}, ${connectionId === 8 ? 'with' : 'without'} connection IDs: gets a session in one run of its timer`, () => {
        const before = datagramsBefore(settings);
        assert.ok(before >= 4, `${before} datagrams`);
        for (let at = 0; at < before; at++) {
          const pair = pairWith(settings, connectionId);
          moveAt(pair, at);
          pair.connect();
          assertOpensWhereItIs(pair, PATIENCE);
        }
      });

  test('moves twice, and gets a session', () => {
    const pair = pairWith();
    moveAt(pair, 4);
    pair.connect();
    pair.runFor(1045);
    pair.rebind(pair.client);
    pair.explain(() => {
      assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 10_000));
      assertAlive(pair);
    });
  });

  test('goes on where its requests and their answers are lost', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const weather = { loss: 0.2, jitter: 20, duplication: 0.1 };
      const pair = pairWith({ seed, weather, clientBehaviour: { handshakeTimeout: 0 } });
      let moved = false;
      pair.intercept = (data, from) => {
        if (moved || from === 'client' || holds(data, HandshakeType.hello_verify_request)) return [data];
        moved = true;
        pair.rebind(pair.client);
        return seed % 2 === 0 ? [data] : [];
      };
      pair.connect();
      pair.explain(() => {
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 600_000));
        pair.network.weather = { ...pair.network.weather, loss: 0, duplication: 0 };
        pair.runFor(10_000);
        assertAlive(pair);
      });
    }
  });

  test('takes a request with message_seq 0, as a server without state sends it', () => {
    const pair = pairWith();
    moveAt(pair, 4);
    let rewritten = 0;
    const { intercept } = pair;
    pair.intercept = (data, from) => {
      if (from === 'server' && holds(data, HandshakeType.hello_verify_request) && data[18] !== 0) {
        const changed = data.slice();
        changed[18] = 0;
        rewritten++;
        return [changed];
      }
      // The server of this test goes on from the ClientHello, others from their request.
      return intercept?.(data, from) ?? [data];
    };
    pair.connect();
    pair.explain(() => {
      pair.runUntil(() => rewritten > 1, 5000);
      const hello = pair.client.entry.connection;
      assert.equal(hello.phase, 'handshaking');
      pair.runFor(50);
      assert.equal(pair.server.endpoint.counters.handshakesBegun, 2);
    });
  });
});

suite('an attacker that sends HelloVerifyRequests to a client of DTLS 1.2', () => {
  /** Of a server at which nobody moved, to a client that has a part of its flight. */
  const request = (sequence: number, messageSeq = 1): Uint8Array => {
    const cookie = new Uint8Array(16).fill(9);
    const body = [254, 255, cookie.length, ...cookie];
    const head = [3, 0, 0, body.length, 0, messageSeq, 0, 0, 0, 0, 0, body.length];
    return plainRecord(22, Uint8Array.from([...head, ...body]), { sequence });
  };

  /** A client that lacks the last datagram of the server's flight. */
  function midway(): Pair {
    const pair = pairWith();
    let lost = false;
    pair.intercept = (data, from) => {
      const isLast = from === 'server' && recordsOf(data).some(({ body }) => body[0] === 14);
      if (!isLast || lost) return [data];
      lost = true;
      return [];
    };
    pair.connect().runUntil(() => lost, 5000);
    return pair;
  }

  test('causes one repetition of its ClientHello, and no other handshake', () => {
    const pair = midway();
    let hellos = 0;
    pair.onDeparture = (side, data) => {
      if (side.role === 'client' && holds(data, HandshakeType.client_hello)) hellos++;
    };
    for (let sequence = 0; sequence < 64; sequence++)
      for (const seq of [0, 1, 2]) pair.inject(pair.client, request(sequence, seq));
    assert.equal(hellos, 1);
    pair.explain(() => {
      assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 5000));
      assert.equal(pair.server.endpoint.counters.handshakesBegun, 1);
      assertAlive(pair);
    });
  });

  test('has no effect with a number of before the ClientHello', () => {
    const pair = midway();
    let sent = 0;
    pair.onDeparture = () => sent++;
    pair.inject(pair.client, request(0));
    assert.equal(sent, 0);
    assert.equal(pair.client.dropped['repeated_message'], 1);
  });

  test('has no effect in pieces, with other messages, or behind keys', () => {
    const pair = midway();
    let sent = 0;
    pair.onDeparture = () => sent++;
    const whole = request(9);
    const cut = whole.slice(0, -1);
    pair.inject(pair.client, cut);
    const two = plainRecord(22, Uint8Array.from([...whole.subarray(13), ...whole.subarray(13)]), {
      sequence: 9,
    });
    pair.inject(pair.client, two);
    assert.equal(sent, 0);
    pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 5000);
    sent = 0;
    pair.inject(pair.client, whole);
    assert.equal(sent, 0);
    assertAlive(pair);
  });

  test('gets nothing from a client that resumes a session, and has keys', () => {
    const first = pairWith().handshake();
    const pair = returning(savedSession(first), {
      version,
      clientBehaviour: { connectionId: 0 },
      serverBehaviour: { connectionId: 8, mtu: MTU },
    });
    let flight = 0;
    pair.intercept = (data, from) => (from === 'server' && flight++ > 1 ? [] : [data]);
    pair.connect().runUntil(() => flight > 2, 900);
    let sent = 0;
    pair.onDeparture = () => sent++;
    for (let sequence = 0; sequence < 16; sequence++) pair.inject(pair.client, request(sequence));
    assert.equal(sent, 0);
    pair.intercept = undefined;
    pair.explain(() => {
      assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 5000));
      assert.equal(pair.server.endpoint.counters.handshakesBegun, 1);
      assertAlive(pair);
    });
  });
});

test('a client of DTLS 1.2 that has moved drops messages of the association before with the numbers of the new one', () => {
  const pair = pairWith(SETTINGS['a pre-shared key']);
  let flight: Uint8Array | undefined;
  let late = 0;
  pair.intercept = (data, from) => {
    if (from === 'client') return [data];
    if (flight === undefined && holds(data, HandshakeType.server_hello)) {
      flight = data.slice();
      pair.rebind(pair.client);
      return [];
    }
    // Another cookie, and behind it the flight that was on its way; its second message has the number of the next ServerHello.
    if (flight === undefined || late > 0 || !holds(data, HandshakeType.hello_verify_request)) return [data];
    late++;
    return [data, flight];
  };
  pair.connect();
  assertOpensWhereItIs(pair, PATIENCE);
  assert.equal(late, 1);
});
