import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, utf8 } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { fragmentRecord } from '../../support/records.js';
import { returning, savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.2';
const ELSEWHERE: PeerAddress = { address: '198.51.100.66', family: 'IPv4', port: 666 };
const KEY = new Uint8Array(16).fill(7);

function pairWith(options: PairOptions = {}, behaviour: BehaviourOptions = {}): Pair {
  return new Pair({
    version,
    ...options,
    clientBehaviour: { connectionId: 0, ...behaviour, ...options.clientBehaviour },
    serverBehaviour: { connectionId: 8, ...behaviour, ...options.serverBehaviour },
  });
}

const AUTHENTICATIONS: Readonly<Record<string, { client?: SecurityOptions; server?: SecurityOptions }>> = {
  'with a certificate of the server': {},
  'with certificates of both sides': { client: { ...CLIENTS.ed25519 }, server: { requestCert: true } },
  'with a pre-shared key': {
    client: { psk: { identity: 'client', key: KEY }, ciphers: 'TLS_PSK_WITH_AES_128_GCM_SHA256' },
    server: { psk: { client: KEY }, ciphers: 'TLS_PSK_WITH_AES_128_GCM_SHA256' },
  },
};

/** Its NAT gives the client another address while the server's flight is on its way: the client's last flight comes from there. */
function moveBeforeLastFlight(pair: Pair): void {
  pair.onDelivery = ({ data, from }) => {
    if (from !== 'server' || !holds(data, HandshakeType.server_hello)) return;
    pair.onDelivery = undefined;
    pair.rebind(pair.client);
  };
}

/** The same, and what was sent from the address before is lost. */
function loseFirstLastFlight(pair: Pair): () => boolean {
  let movedAt: number | undefined;
  pair.intercept = (data, side) => {
    if (side === 'server' || holds(data, HandshakeType.client_hello)) return [data];
    if (movedAt === undefined) pair.rebind(pair.client);
    movedAt ??= pair.now;
    return pair.now < movedAt + 100 ? [] : [data];
  };
  return () => movedAt !== undefined;
}

/** Whether its first message is of `type`. */
function holds(data: Uint8Array, type: number): boolean {
  return data[0] === ContentType.handshake && data[13] === type;
}

/** The client's last flight, which the path loses, and whose copies an attacker has. */
function catchLastFlight(pair: Pair): Uint8Array[] {
  const caught: Uint8Array[] = [];
  pair.intercept = (data, from) => {
    if (from !== 'client' || holds(data, HandshakeType.client_hello)) return [data];
    caught.push(data.slice());
    return [];
  };
  return caught;
}

/** The connection ID on the records of the client, as everybody on the path sees it in the ServerHello. */
function idOf(pair: Pair): Uint8Array {
  return pair.client.entry.connection.connectionIds?.send ?? assert.fail('no connection ID');
}

/** A record of epoch 1 with a connection ID, that opens under no key. */
function forgedFinished(cid: Uint8Array, sequence = 0): Uint8Array {
  const head = [ContentType.tls12_cid, 254, 253, 0, 1, 0, 0, 0, 0, 0, sequence];
  return concat(Uint8Array.from(head), cid, Uint8Array.of(0, 48), new Uint8Array(48).fill(9));
}

/** A whole ClientKeyExchange with a share of the sender's own. */
function forgedKeyExchange(messageSeq = 2): Uint8Array {
  const fragment = concat(Uint8Array.of(32), new Uint8Array(32).fill(9));
  return fragmentRecord({ type: HandshakeType.client_key_exchange, messageSeq, fragment });
}

function from(pair: Pair, address: PeerAddress, data: Uint8Array): void {
  pair.inject(pair.server, data, address);
}

suite('a client of DTLS 1.2 that moves before its last flight', () => {
  for (const [how, settings] of Object.entries(AUTHENTICATIONS)) {
    for (const mtu of [1400, 256]) {
      test(`${how}, datagrams of ${mtu} bytes: is followed, and makes no other handshake`, () => {
        const pair = pairWith({ ...settings, jobs: 5 }, { mtu });
        moveBeforeLastFlight(pair);
        pair.explain(() => {
          pair.handshake();
          assert.equal(pair.server.endpoint.counters.handshakesBegun, 1);
          assert.ok(pair.now < 5000, `${pair.now} ms`);
          pair.runFor(5000);
          assert.deepEqual(pair.server.entry.peer, pair.client.address);
          assert.equal(
            pair.server.entry.connection.path.validated,
            true,
            'the new address answers a challenge',
          );
          assert.equal(pair.server.endpoint.heldBytes, 0);
          assertAlive(pair);
        });
      });
    }
  }

  for (const returnRoutability of ['never', 'enhanced'] as const) {
    test(`is followed with checks of paths: ${returnRoutability}`, () => {
      const pair = pairWith({}, { returnRoutability });
      moveBeforeLastFlight(pair);
      pair.explain(() => {
        pair.handshake();
        pair.runFor(5000);
        assert.equal(pair.server.entry.connection.path.validated, returnRoutability !== 'never');
        assertAlive(pair);
      });
    });
  }

  test('is followed when it resumes a session', () => {
    const first = pairWith().handshake();
    const pair = returning(savedSession(first), {
      version,
      clientBehaviour: { connectionId: 0 },
      serverBehaviour: { connectionId: 8 },
    });
    moveBeforeLastFlight(pair);
    pair.explain(() => {
      pair.handshake();
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
      assertAlive(pair);
    });
  });

  test('is followed when it resumes a session, its Finished is lost, and it sends messages', () => {
    const first = pairWith().handshake();
    const pair = returning(savedSession(first), {
      version,
      clientBehaviour: { connectionId: 0 },
      serverBehaviour: { connectionId: 8 },
    });
    let lost = false;
    pair.intercept = (data, side) => {
      if (side === 'server' || lost || holds(data, HandshakeType.client_hello)) return [data];
      lost = true;
      pair.rebind(pair.client);
      return [];
    };
    pair.connect().runUntil(() => lost, 5000);
    pair.explain(() => {
      for (let i = 0; i < 5 && !pair.server.isConnected; i++) {
        pair.send(pair.client, utf8(`message ${i}`));
        pair.runFor(1000);
      }
      assert.ok(pair.server.isConnected, `not after ${pair.now} ms`);
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
      assertAlive(pair);
    });
  });

  test('is followed when the last flight of the server goes to its former address', () => {
    const pair = pairWith();
    let lost = false;
    pair.intercept = (data, side) => {
      if (side === 'client' || data[0] === ContentType.handshake) return [data];
      if (!lost) pair.rebind(pair.client);
      lost = true;
      return [];
    };
    pair.connect().runUntil(() => lost, 5000);
    pair.intercept = undefined;
    pair.explain(() => {
      pair.runUntil(() => pair.client.isConnected, 10_000);
      assert.equal(pair.server.endpoint.counters.handshakesBegun, 1);
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
      assertAlive(pair);
    });
  });

  test('is followed through loss, reordering and another move', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const weather = { loss: 0.2, jitter: 40, latency: 10, duplication: 0.05 };
      const pair = pairWith({ seed, weather, clientBehaviour: { mtu: 256 }, serverBehaviour: { mtu: 400 } });
      const hasMoved = loseFirstLastFlight(pair);
      pair.explain(() => {
        pair.connect().runUntil(hasMoved, 60_000);
        pair.runFor(700);
        if (!pair.server.isConnected && seed % 3 === 0) pair.rebind(pair.client);
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 120_000));
        pair.network.weather = { ...pair.network.weather, loss: 0, duplication: 0 };
        pair.runFor(5000);
        assertAlive(pair);
      });
    }
  });

  test('gets at most three times what came from its address, until that is validated', () => {
    const pair = pairWith({}, { returnRoutability: 'never' });
    moveBeforeLastFlight(pair);
    let up = 0;
    let down = 0;
    pair.connect();
    for (let i = 0; i < 4000 && !pair.client.isConnected; i++) {
      pair.onDelivery ??= ({ data, from: side }) => {
        if (side === 'client') up += data.length;
        else down += data.length;
        assert.ok(down <= 3 * up, `${down} of ${up} bytes`);
      };
      pair.runFor(1);
    }
    assert.ok(up > 0 && down > 0);
    assert.equal(pair.client.isConnected, true);
  });
});

suite('an attacker at another address, in a handshake of DTLS 1.2', () => {
  test('that is faster with copies of the client changes nothing', () => {
    const pair = pairWith();
    const home = pair.client.address;
    pair.intercept = (data, side) => {
      if (side === 'client' && !holds(data, HandshakeType.client_hello))
        pair.server.endpoint.receive(data, ELSEWHERE.address, ELSEWHERE.port, 'IPv4', pair.now);
      return [data];
    };
    pair.handshake();
    assert.deepEqual(pair.server.entry.peer, home);
    assert.deepEqual(pair.server.migrated, []);
    assert.deepEqual(pair.strays, []);
    pair.intercept = undefined;
    assertAlive(pair);
  });

  test('that has forged messages and the connection ID does not stop a client that stays', () => {
    const pair = pairWith();
    const caught = catchLastFlight(pair);
    pair.connect().runUntil(() => caught.length > 0, 5000);
    for (let times = 0; times < 10; times++) {
      from(pair, ELSEWHERE, concat(forgedKeyExchange(), forgedFinished(idOf(pair), times)));
      pair.runFor(500);
    }
    pair.intercept = undefined;
    pair.explain(() => {
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 30_000);
      assert.equal(pair.server.endpoint.counters.handshakesBegun, 1);
      assert.deepEqual(pair.server.migrated, []);
      assert.deepEqual(pair.strays, [], 'nothing is sent to the attacker');
      assert.equal(pair.server.endpoint.heldBytes, 0);
      assertAlive(pair);
    });
  });

  test('is not believed before the client at its own address had time to answer', () => {
    const pair = pairWith();
    const caught = catchLastFlight(pair);
    pair.connect().runUntil(() => caught.length > 0, 5000);
    // What completes the handshake, as an attacker without a certificate could make it.
    for (const data of caught) from(pair, ELSEWHERE, data);
    pair.runFor(500);
    assert.equal(pair.server.isConnected, false);
    for (const data of caught) from(pair, pair.client.address, data);
    assert.equal(pair.server.isConnected, true);
    assert.deepEqual(pair.server.entry.peer, pair.client.address);
    assert.deepEqual(pair.server.migrated, []);
  });

  test('does not displace the new address of the client', () => {
    const pair = pairWith();
    const caught = catchLastFlight(pair);
    moveBeforeLastFlight(pair);
    pair.connect().runUntil(() => caught.length > 0, 5000);
    for (const data of caught) from(pair, pair.client.address, data);
    for (let times = 0; times < 20; times++)
      from(pair, ELSEWHERE, concat(forgedKeyExchange(), forgedFinished(idOf(pair), times)));
    assert.equal(pair.server.dropped['other_path'], 20);
    pair.explain(() => {
      assert.ok(pair.runUntil(() => pair.server.isConnected, 1100));
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
    });
  });

  test('that was first and fails makes place for the client', () => {
    const pair = pairWith();
    moveBeforeLastFlight(pair);
    pair.connect().runUntil(() => pair.server.entries.length > 0 && pair.onDelivery === undefined, 5000);
    from(pair, ELSEWHERE, concat(forgedKeyExchange(), forgedFinished(idOf(pair))));
    pair.explain(() => {
      pair.runUntil(() => pair.client.isConnected, 30_000);
      assert.equal(pair.server.endpoint.counters.handshakesBegun, 1);
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
    });
  });

  test('that was first and says nothing more makes place for the client', () => {
    const pair = pairWith();
    moveBeforeLastFlight(pair);
    pair.connect().runUntil(() => pair.server.entries.length > 0 && pair.onDelivery === undefined, 5000);
    from(pair, ELSEWHERE, forgedFinished(idOf(pair)));
    pair.explain(() => {
      pair.runUntil(() => pair.client.isConnected, 30_000);
      assert.ok(pair.now < 4000, `${pair.now} ms`);
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
      assertAlive(pair);
    });
  });

  test('can try four addresses, each for one key exchange at most', () => {
    // A job for each look-up.
    const server = { psk: () => KEY, ciphers: 'TLS_PSK_WITH_AES_128_GCM_SHA256' };
    const client = { psk: { identity: 'client', key: KEY }, ciphers: 'TLS_PSK_WITH_AES_128_GCM_SHA256' };
    const pair = pairWith({ server, client, jobs: 1 });
    const caught = catchLastFlight(pair);
    pair.connect().runUntil(() => caught.length > 0, 5000);
    let asked = 0;
    const { jobs } = pair.server;
    const push = jobs.push.bind(jobs);
    jobs.push = (...more) => {
      asked += more.length;
      return push(...more);
    };
    const identity = concat(Uint8Array.of(0, 6), utf8('client'));
    const keyExchange = fragmentRecord({
      type: HandshakeType.client_key_exchange,
      messageSeq: 2,
      fragment: identity,
    });
    for (let port = 1; port <= 20; port++) {
      for (let times = 0; times < 6; times++)
        from(pair, { ...ELSEWHERE, port }, concat(keyExchange, forgedFinished(idOf(pair), times)));
      pair.runFor(400);
    }
    assert.ok(asked >= 2 && asked <= 4, `${asked} look-ups of a key`);
    pair.intercept = undefined;
    pair.explain(() => {
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 30_000);
      assert.deepEqual(pair.server.migrated, []);
      assertAlive(pair);
    });
  });

  test('makes no answer to its own job one to the job of the client', () => {
    const { client, server } = AUTHENTICATIONS['with a pre-shared key'] ?? {};
    const psk = (): Uint8Array => KEY;
    const pair = pairWith({ ...(client && { client }), server: { ...server, psk }, jobs: 'by-hand' });
    const caught = catchLastFlight(pair);
    pair.connect().runUntil(() => pair.client.jobs.length > 0, 5000);
    pair.answer(pair.client);
    pair.runUntil(() => caught.length > 0, 5000);
    const identity = concat(Uint8Array.of(0, 3), utf8('foe'));
    const keyExchange = fragmentRecord({
      type: HandshakeType.client_key_exchange,
      messageSeq: 2,
      fragment: identity,
    });
    pair.runFor(1200);
    from(pair, ELSEWHERE, concat(keyExchange, forgedFinished(idOf(pair))));
    assert.equal(pair.server.jobs.length, 1);
    for (const data of caught) from(pair, pair.client.address, data);
    assert.equal(pair.server.jobs.length, 2);
    pair.answer(pair.server, { kind: 'failed', cause: new Error('no such device') });
    pair.answer(pair.server);
    pair.intercept = undefined;
    pair.explain(() => {
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 30_000);
      assertAlive(pair);
    });
  });

  test('with any bytes and the connection ID ends no handshake, and holds no memory', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pair = pairWith({ seed });
      const random = new Random(seed);
      const caught = catchLastFlight(pair);
      pair.connect().runUntil(() => caught.length > 0, 5000);
      const parts = [forgedKeyExchange(), forgedKeyExchange(3), forgedFinished(idOf(pair)), ...caught];
      for (let times = 0; times < 60; times++) {
        const data = concat(...parts.filter(() => random.below(2) === 0));
        for (let flips = random.below(4); flips > 0 && data.length > 0; flips--)
          data[random.below(data.length)] = random.below(256);
        const cut = data.subarray(
          0,
          data.length - (random.below(3) === 0 ? random.below(data.length + 1) : 0),
        );
        if (cut.length > 0) from(pair, { ...ELSEWHERE, port: 1 + random.below(3) }, cut);
        if (pair.server.isConnected) break;
        pair.runFor(random.below(200));
      }
      pair.intercept = undefined;
      pair.explain(() => {
        pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 60_000);
        pair.send(pair.client, utf8('genuine'));
        pair.runFor(5000);
        assertAlive(pair);
        assert.equal(pair.server.endpoint.heldBytes, 0);
      });
    }
  });
});
