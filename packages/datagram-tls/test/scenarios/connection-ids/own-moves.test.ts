import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import { ContentType } from '#lib/wire/codes.js';
import { RoutabilityType } from '#lib/wire/messages/return-routability.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';
import type { Side } from '../../support/side.js';

/** How many flights of that message a side has sent. */
function countOf(side: Side, message: string): number {
  return side
    .flights('sent')
    .flat()
    .filter((name) => name === message).length;
}

/** Both sides have connection IDs. */
function open(version: TestedVersion, behaviour: BehaviourOptions = {}, more: PairOptions = {}): Pair {
  const both = { connectionId: 8, ...behaviour };
  return new Pair({ version, clientBehaviour: both, serverBehaviour: both, ...more }).handshake();
}

for (const version of VERSIONS) {
  for (const returnRoutability of ['never', 'basic', 'enhanced'] as const) {
    for (const role of ['client', 'server'] as const) {
      suite(`a ${role} that leaves its address, ${version}, checks: ${returnRoutability}`, () => {
        const isHeardOf = version === 'DTLSv1.3' || returnRoutability !== 'never';

        test('is followed without a message of the application, where the version has one for that', () => {
          const pair = open(version, { returnRoutability }).runFor(5000);
          const mover = pair[role];
          const follower = role === 'client' ? pair.server : pair.client;
          pair.explain(() => {
            const after = pair.leave(mover);
            pair.runFor(5000);
            assert.equal(mover.rebound, isHeardOf ? 1 : 0);
            if (!isHeardOf) pair.send(mover, utf8('here I am'));
            pair.runFor(5000);
            assert.deepEqual(follower.entry.peer, after);
            assert.equal(follower.entry.connection.path.validated, returnRoutability !== 'never');
            pair.send(follower, utf8('so you are'));
            pair.runFor(100);
            assert.equal(mover.messages.length, 1);
            assert.equal(mover.rebound, 1);
            // Without checks it is for the application to vouch for the new address.
            follower.endpoint.validatePath(follower.entry);
            assertAlive(pair);
          });
        });

        test('gets there with losses', () => {
          for (const seed of [1, 2, 3, 4]) {
            const weather = { loss: 0.2, jitter: 30, latency: 10 };
            const pair = open(version, { returnRoutability }, { seed, weather }).runFor(5000);
            const mover = pair[role];
            pair.explain(() => {
              pair.leave(mover);
              for (let i = 0; mover.rebound === 0 && i < 20; i++) {
                pair.send(mover, utf8('hello'));
                pair.send(role === 'client' ? pair.server : pair.client, utf8('hello'));
                pair.runFor(1000);
              }
              assert.equal(mover.rebound, 1);
              const { length } = mover.messages;
              const follower = role === 'client' ? pair.server : pair.client;
              for (let i = 0; mover.messages.length === length && i < 20; i++) {
                pair.send(mover, utf8('hello'));
                pair.send(follower, utf8('hello'));
                pair.runFor(1000);
              }
              assert.deepEqual(follower.entry.peer, mover.address);
              assert.ok(mover.messages.length > length);
              assert.deepEqual([mover.isConnected, follower.isConnected], [true, true]);
            });
          }
        });

        test('may leave the next one before anything has come to it', () => {
          const pair = open(version, { returnRoutability }).runFor(5000);
          const mover = pair[role];
          pair.leave(mover);
          const last = pair.leave(mover);
          pair.send(mover, utf8('here'));
          pair.runFor(5000);
          const follower = role === 'client' ? pair.server : pair.client;
          assert.deepEqual(follower.entry.peer, last);
          follower.endpoint.validatePath(follower.entry);
          assertAlive(pair);
        });
      });
    }
  }

  suite(`leaving an address, ${version}`, () => {
    test('is refused where the peer has asked for no connection ID', () => {
      const pair = new Pair({ version }).handshake();
      const error = { code: 'ERR_DTLS_REBIND', reason: 'NO_CONNECTION_ID' };
      assert.throws(() => pair.leave(pair.client), error);
      assertAlive(new Pair({ version }).handshake());
    });

    test('is refused in the handshake, and after the end', () => {
      const both = { connectionId: 8 };
      const pair = new Pair({ version, clientBehaviour: both, serverBehaviour: both }).connect();
      assert.throws(() => pair.leave(pair.client), { code: 'ERR_INVALID_STATE' });
      pair.runUntil(() => pair.client.isConnected, 10_000);
      pair.close(pair.client);
      assert.throws(() => pair.leave(pair.client), { code: 'ERR_INVALID_STATE' });
    });

    test('wakes a session that hibernates, which stays awake until the peer is heard', () => {
      const pair = open(version).runFor(5000);
      assert.equal(pair.client.entry.connection.hibernate(pair.now), true);
      pair.leave(pair.client);
      assert.equal(pair.client.entry.connection.hibernate(pair.now), false);
      pair.runFor(5000);
      assert.equal(pair.client.rebound, 1);
      assert.equal(pair.client.entry.connection.hibernate(pair.now), true);
      assertAlive(pair);
    });
  });
}

suite('checks and connection IDs of a side that leaves its address', () => {
  /** The checks that the client sends, with their connection IDs. */
  function checksOf(pair: Pair): { readonly type: number; readonly cid: string; readonly port: number }[] {
    const seen: { readonly type: number; readonly cid: string; readonly port: number }[] = [];
    const insider = new Insider13(pair);
    const { server } = pair;
    const { endpoint } = server;
    const receive = endpoint.receive.bind(endpoint);
    endpoint.receive = (data, address, port, family, now, atFormer) => {
      for (const { type, content } of insider.open('client', data, 3, 8))
        if (type === ContentType.return_routability_check)
          seen.push({ type: content[0] ?? -1, cid: Buffer.from(data.slice(1, 9)).toString('hex'), port });
      receive(data, address, port, family, now, atFormer);
    };
    return seen;
  }

  for (const role of ['client', 'server'] as const) {
    test(`${role}: a spare connection ID is there before it is needed, and the next one after it is used`, () => {
      const pair = open('DTLSv1.3').runFor(5000);
      const side = pair[role];
      const used = [pair.idsOf(side).send];
      for (let i = 0; i < 12; i++) {
        pair.leave(side);
        pair.runFor(5000);
        const { send } = pair.idsOf(side);
        assert.ok(used.every((before) => !Buffer.from(before).equals(send)));
        used.push(send);
      }
      assert.equal(side.isConnected, true);
      assertAlive(pair);
    });
  }

  test('the path_drop has the connection ID of the former path, and all else that of the new one', () => {
    const client = { ciphers: 'TLS_AES_128_GCM_SHA256' };
    const pair = open('DTLSv1.3', { returnRoutability: 'enhanced' }, { client }).runFor(5000);
    const checks = checksOf(pair);
    const { port } = pair.client.address;
    const before = Buffer.from(pair.idsOf(pair.client).send).toString('hex');
    pair.leave(pair.client);
    pair.runFor(5000);
    const after = Buffer.from(pair.idsOf(pair.client).send).toString('hex');
    assert.notEqual(before, after);
    const drops = checks.filter(({ type }) => type === RoutabilityType.path_drop);
    assert.deepEqual(drops, [{ type: RoutabilityType.path_drop, cid: before, port }]);
    const others = checks.filter(({ type }) => type !== RoutabilityType.path_drop);
    assert.ok(others.some(({ type }) => type === RoutabilityType.path_response));
    for (const { cid, port: from } of others) assert.deepEqual([cid, from], [after, port + 1]);
  });

  for (const version of VERSIONS) {
    for (const role of ['client', 'server'] as const) {
      test(`${role}, ${version}: a path_drop spares the peer the wait for a path that is left`, () => {
        const took = (hears: boolean): number => {
          const weather = { latency: 20 };
          const pair = open(version, { returnRoutability: 'enhanced' }, { weather }).runFor(5000);
          const begun = pair.now;
          if (hears) pair.leave(pair[role]);
          else {
            pair.rebind(pair[role]);
            pair.send(pair[role], utf8('moved'));
          }
          const { connection } = (role === 'client' ? pair.server : pair.client).entry;
          pair.runUntil(() => connection.counters.migrations > 0 && connection.path.validated, 10_000);
          assert.ok(connection.path.validated);
          return pair.now - begun;
        };
        // One way to tell, and two round trips of 40 ms.
        assert.equal(took(true), 100);
        assert.ok(took(false) > 150);
      });
    }
  }

  test('a side that sends without an ID asks for none, and one without IDs gives none', () => {
    const checks = { returnRoutability: 'basic' } as const;
    const client = { connectionId: 8, ...checks };
    const server = { connectionId: 0, ...checks };
    const pair = new Pair({ version: 'DTLSv1.3', clientBehaviour: client, serverBehaviour: server });
    pair.handshake().runFor(5000);
    assert.equal(pair.idsOf(pair.client).send.length, 0);
    pair.leave(pair.server);
    pair.runFor(5000);
    assert.equal(countOf(pair.client, 'request_connection_id'), 0);
    assert.equal(countOf(pair.server, 'new_connection_id'), 0);
    assert.equal(countOf(pair.server, 'request_connection_id'), 1);
  });

  for (const tickets of [true, false])
    test(`a session begins with a spare ID for each side, unasked${tickets ? '' : ', without a ticket'}`, () => {
      const server = tickets ? {} : { ticketKeys: false as const };
      const pair = open('DTLSv1.3', {}, { server }).runFor(5000);
      for (const side of [pair.client, pair.server]) {
        assert.equal(countOf(side, 'new_connection_id'), 1);
        assert.equal(countOf(side, 'request_connection_id'), 0);
      }
    });

  test('a peer that gives no IDs and asks for none is not asked, and its sessions move under the same ID', () => {
    // A server that makes the same ID again and again has none to give.
    const connectionId = { length: 8, generate: () => Uint8Array.of(7, 7, 7, 7, 7, 7, 7, 7) };
    const behaviours = { clientBehaviour: { connectionId: 0 }, serverBehaviour: { connectionId } };
    const pair = open('DTLSv1.3', {}, behaviours).runFor(5000);
    const { send } = pair.idsOf(pair.client);
    for (let i = 0; i < 3; i++) {
      pair.leave(pair.client);
      pair.runFor(5000);
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
      assert.equal(pair.server.entry.connection.path.validated, true);
    }
    assert.deepEqual(pair.idsOf(pair.client).send, send);
    assert.equal(countOf(pair.server, 'new_connection_id'), 0);
    assert.equal(countOf(pair.client, 'request_connection_id'), 0);
    assertAlive(pair);
  });

  test('one request at a time: a peer that does not answer is not asked again', () => {
    const client = { ciphers: 'TLS_AES_128_GCM_SHA256' };
    const pair = open('DTLSv1.3', {}, { client, server: { ticketKeys: false } });
    // A request follows the first move, and its answer never comes.
    pair.runFor(5000);
    pair.intercept = (data, from) => (from === 'server' && data.length > 45 ? [] : [data]);
    for (let i = 0; i < 5; i++) {
      pair.leave(pair.client);
      pair.runFor(1000);
    }
    assert.equal(countOf(pair.client, 'request_connection_id'), 1);
  });

  test('one request at a time: an ID to use at once that crosses it is no answer', () => {
    const pair = open('DTLSv1.3').runFor(5000);
    pair.server.endpoint.renewConnectionId(pair.server.entry, pair.now);
    pair.leave(pair.client);
    pair.runFor(10);
    // The acknowledgement of the renewed ID is lost, without which the server does not answer the request.
    pair.intercept = (data, from) => (from === 'client' ? [] : [data]);
    pair.runFor(200);
    pair.intercept = undefined;
    pair.leave(pair.client);
    pair.runFor(10_000);
    assertAlive(pair);
  });

  test('without checks nothing is asked for: a peer may not know such requests', () => {
    const pair = open('DTLSv1.3', { returnRoutability: 'never' }).runFor(5000);
    const { send } = pair.idsOf(pair.client);
    pair.leave(pair.client);
    pair.runFor(5000);
    assert.deepEqual(pair.idsOf(pair.client).send, send);
    assert.deepEqual(pair.client.flights('sent').at(-1), ['key_update']);
  });
});

suite('renewed connection IDs', () => {
  for (const role of ['client', 'server'] as const) {
    test(`${role}: the peer uses the new one from then on, and late records under the one before are read`, () => {
      const pair = open('DTLSv1.3').runFor(5000);
      const side = pair[role];
      const peer = role === 'client' ? pair.server : pair.client;
      const before = pair.idsOf(side).receive;
      side.endpoint.renewConnectionId(side.entry, pair.now);
      pair.runFor(1000);
      const { receive } = pair.idsOf(side);
      assert.notDeepEqual(receive, before);
      assert.deepEqual(pair.idsOf(peer).send, receive);
      assertAlive(pair);
    });

    test(`${role}: many renewals wait for each other, and get lost datagrams again`, () => {
      const pair = open('DTLSv1.3', {}, { weather: { loss: 0.2, latency: 10 }, seed: 7 }).runFor(5000);
      const side = pair[role];
      for (let i = 0; i < 30; i++) {
        side.endpoint.renewConnectionId(side.entry, pair.now);
        pair.runFor(i % 3 === 0 ? 2000 : 5);
      }
      pair.runFor(20_000);
      const peer = role === 'client' ? pair.server : pair.client;
      assert.deepEqual([side.isConnected, peer.isConnected], [true, true]);
      assert.deepEqual(pair.idsOf(peer).send, pair.idsOf(side).receive);
    });
  }

  test('are refused without connection IDs, and in DTLS 1.2', () => {
    for (const pair of [new Pair({ version: 'DTLSv1.3' }).handshake(), open('DTLSv1.2')]) {
      const { endpoint, entry } = pair.server;
      assert.throws(() => endpoint.renewConnectionId(entry, pair.now), { code: 'ERR_INVALID_STATE' });
      assertAlive(pair);
    }
  });
});
