import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import { machineOf } from '#lib/connection/connection.js';
import type { KeptHandshake } from '#lib/connection/kept-handshake.js';
import { assertAlive } from '../../support/alive.js';
import { fieldsOf } from '../../support/inside.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const ELSEWHERE: PeerAddress = { address: '198.51.100.66', family: 'IPv4', port: 666 };

/** Both sides have connection IDs. */
function open(version: TestedVersion, behaviour: BehaviourOptions = {}, more: PairOptions = {}): Pair {
  return new Pair({
    version,
    clientBehaviour: { connectionId: 8, ...behaviour },
    serverBehaviour: { connectionId: 8, ...behaviour },
    ...more,
  }).handshake();
}

for (const version of VERSIONS) {
  for (const returnRoutability of ['never', 'basic', 'enhanced'] as const) {
    for (const role of ['client', 'server'] as const) {
      suite(`a ${role} at a new address, ${version}, checks: ${returnRoutability}`, () => {
        test('is followed by its next record, and gets answers there', () => {
          const pair = open(version, { returnRoutability });
          const mover = pair[role];
          const follower = role === 'client' ? pair.server : pair.client;
          const before = mover.address;
          const after = pair.rebind(mover);
          pair.explain(() => {
            pair.send(mover, utf8('hello'));
            pair.runFor(5000);
            assert.deepEqual(follower.entry.peer, after);
            assert.deepEqual(follower.migrated[0], {
              type: 'migrated',
              from: before,
              to: after,
              validated: false,
            });
            assert.equal(follower.entry.connection.path.validated, returnRoutability !== 'never');
            assert.equal(follower.migrated.length, returnRoutability === 'never' ? 1 : 2);
            assert.equal(follower.entry.connection.counters.migrations, 1);
            pair.send(follower, utf8('answer'));
            pair.runFor(100);
            assert.equal(mover.messages.length, 1);
            assertAlive(pair);
          });
        });

        test('is found by its ID when its former address has gone', () => {
          const pair = open(version, { returnRoutability });
          const mover = pair[role];
          const follower = role === 'client' ? pair.server : pair.client;
          for (let move = 0; move < 5; move++) {
            pair.rebind(mover);
            pair.send(mover, utf8('here'));
            pair.runFor(5000);
          }
          assert.equal(follower.messages.length, 5);
          assert.deepEqual(follower.entry.peer, mover.address);
          assert.equal(follower.endpoint.size, 1);
          assert.equal(follower.endpoint.find(mover.address), follower.entry);
        });

        test('survives loss and reordering while it moves', () => {
          for (const seed of [1, 2, 3]) {
            const weather = { loss: 0.2, jitter: 30, latency: 10 };
            const pair = open(version, { returnRoutability }, { seed, weather });
            const mover = pair[role];
            const follower = role === 'client' ? pair.server : pair.client;
            pair.explain(() => {
              for (let move = 0; move < 10; move++) {
                pair.rebind(mover);
                for (let i = 0; i < 5; i++) {
                  pair.send(mover, utf8('still here'));
                  pair.runFor(2000);
                }
              }
              assert.deepEqual(follower.entry.peer, mover.address);
              assert.ok(follower.messages.length > 20, `${follower.messages.length} messages`);
              assert.equal(follower.isConnected, true);
            });
          }
        });
      });
    }
  }

  suite(`changes of addresses, ${version}`, () => {
    test('an unvalidated address gets at most three times what came from there', () => {
      const pair = open(version, { returnRoutability: 'never' });
      pair.rebind(pair.client);
      const up = pair.send(pair.client, new Uint8Array(100));
      assert.ok(up >= 0);
      pair.runFor(100);
      let down = 0;
      pair.onDelivery = ({ data, from }) => {
        if (from === 'server') down += data.length;
      };
      for (let i = 0; i < 50; i++) pair.send(pair.server, new Uint8Array(200));
      pair.runFor(1000);
      assert.ok(down > 0 && down <= 3 * 150, `${down} bytes`);
      pair.server.entry.connection.validatePath();
      pair.server.endpoint.touch(pair.server.entry);
      pair.send(pair.server, new Uint8Array(200));
      pair.runFor(100);
      assert.ok(down > 3 * 150);
      assert.deepEqual(pair.server.entry.connection.path.validated, true);
    });

    test('the size of datagrams and the round trip begin anew at a new address, and the size is known at the former one', () => {
      const pair = open(version, { returnRoutability: 'never' });
      const { entry } = pair.server;
      const handshake = fieldsOf(machineOf(entry.connection)).get('#handshake') as KeptHandshake;
      const before = entry.connection.path.maxDatagramSize;
      pair.systemLimit.server = 700;
      pair.send(pair.server, new Uint8Array(900));
      pair.runFor(100);
      const learned = entry.connection.path.maxDatagramSize;
      assert.ok(learned <= 700 && before > 700, `${before}, then ${learned} bytes`);
      // DTLS 1.2 has no ACKs to measure it by.
      assert.equal(handshake.whole.roundTrip === undefined, version === 'DTLSv1.2');
      pair.rebind(pair.client, true);
      pair.send(pair.client, utf8('here'));
      pair.runFor(100);
      assert.deepEqual(
        [entry.connection.path.maxDatagramSize, handshake.whole.roundTrip],
        [before, undefined],
      );
      pair.server.endpoint.refusePath(entry, pair.now);
      pair.drain();
      assert.equal(entry.connection.path.maxDatagramSize, learned);
    });

    test('a refused address stays refused, and the one before stays', () => {
      const pair = open(version, { returnRoutability: 'never' });
      const before = pair.client.address;
      pair.rebind(pair.client, true);
      pair.send(pair.client, utf8('one'));
      pair.runFor(100);
      pair.server.entry.connection.refusePath(pair.now);
      pair.server.endpoint.touch(pair.server.entry);
      pair.drain();
      assert.deepEqual(pair.server.entry.peer, before);
      pair.send(pair.client, utf8('two'));
      pair.runFor(100);
      assert.deepEqual(pair.server.entry.peer, before);
      assert.equal(pair.server.messages.length, 1);
    });

    test('a copy from elsewhere before the genuine record moves the path, and the next genuine record moves it back', () => {
      const pair = open(version, { returnRoutability: 'never' });
      const home = pair.client.address;
      pair.intercept = (data, from) => {
        if (from === 'client')
          pair.server.endpoint.receive(data, ELSEWHERE.address, ELSEWHERE.port, 'IPv4', pair.now);
        return [data];
      };
      pair.send(pair.client, utf8('copied'));
      pair.runFor(100);
      assert.deepEqual(pair.server.entry.peer, ELSEWHERE);
      assert.equal(pair.server.messages.length, 1);
      pair.intercept = undefined;
      pair.send(pair.client, utf8('genuine'));
      pair.runFor(100);
      assert.deepEqual(pair.server.entry.peer, home);
      assert.equal(pair.server.entry.connection.path.validated, true);
    });

    test('what comes from the former address before the move is told counts for no other one', () => {
      const pair = open(version, { returnRoutability: 'never' });
      const home = pair.client.address;
      let copied = 0;
      pair.intercept = (data, from) => {
        if (from !== 'client') return [data];
        copied = data.length;
        pair.arrive(pair.server, data.slice(), ELSEWHERE);
        pair.arrive(pair.server, new Uint8Array(500).fill(0x16), home);
        return [];
      };
      pair.send(pair.client, utf8('copied'));
      pair.runUntil(() => copied > 0, 1000);
      const { path } = pair.server.entry.connection;
      assert.deepEqual(path.address, ELSEWHERE);
      assert.equal(path.bytesReceived, copied);
    });

    test('a copy from elsewhere after the genuine record changes nothing', () => {
      const pair = open(version);
      const home = pair.client.address;
      const seen: Uint8Array[] = [];
      pair.onDelivery = ({ data, from }) => {
        if (from === 'client') seen.push(data.slice());
      };
      pair.send(pair.client, utf8('one'));
      pair.runFor(100);
      for (const data of seen) pair.inject(pair.server, data, ELSEWHERE);
      assert.deepEqual(pair.server.entry.peer, home);
      assert.equal(pair.server.dropped['replayed'], seen.length);
      assert.deepEqual(pair.server.migrated, []);
    });

    test('an older record that arrives from the former address late is delivered, and moves nothing back', () => {
      const pair = open(version);
      let late: Uint8Array | undefined;
      pair.intercept = (data, from) => {
        if (from !== 'client' || late !== undefined) return [data];
        late = data.slice();
        return [];
      };
      const home = pair.client.address;
      pair.send(pair.client, utf8('late'));
      pair.runFor(100);
      pair.rebind(pair.client);
      pair.send(pair.client, utf8('new'));
      pair.runFor(5000);
      assert.ok(late);
      pair.inject(pair.server, late, home);
      assert.equal(pair.server.messages.length, 2);
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
    });

    test('with the enhanced check a sender of copies gets nothing, and the session stays where it is', () => {
      const pair = open(version, { returnRoutability: 'enhanced' });
      const home = pair.client.address;
      pair.intercept = (data, from) => {
        if (from === 'client')
          pair.server.endpoint.receive(data, ELSEWHERE.address, ELSEWHERE.port, 'IPv4', pair.now);
        return [data];
      };
      pair.send(pair.client, utf8('copied'));
      pair.runUntil(() => pair.server.messages.length === 1, 1000);
      pair.intercept = undefined;
      pair.send(pair.server, utf8('answer'));
      pair.runFor(5000);
      assert.deepEqual(pair.server.entry.peer, home);
      assert.deepEqual(pair.client.messages.length, 1);
      assert.deepEqual(pair.strays, []);
      assertAlive(pair);
    });

    test('with the enhanced check copies from another address each do not stop what we send', () => {
      const weather = { latency: 50 };
      const pair = open(version, { returnRoutability: 'enhanced' }, { weather }).runFor(1000);
      const home = pair.client.address;
      let { port } = ELSEWHERE;
      pair.intercept = (data, from) => {
        // Not of an answer to a check, which is shorter: that one has to come from the former address.
        if (from === 'client' && data.length > 100)
          pair.arrive(pair.server, data.slice(), { ...ELSEWHERE, port: port++ });
        return [data];
      };
      for (let i = 0; i < 100; i++) {
        pair.send(pair.client, new Uint8Array(100));
        pair.send(pair.server, utf8('answer'));
        pair.runFor(20);
      }
      pair.intercept = undefined;
      pair.runFor(5000);
      assert.equal(pair.client.messages.length, 100);
      assert.deepEqual([pair.strays, pair.server.entry.peer], [[], home]);
      assertAlive(pair);
    });

    test('with the basic check an address that does not answer is left', () => {
      const pair = open(version, { returnRoutability: 'basic' });
      const home = pair.client.address;
      let copied = 0;
      pair.intercept = (data, from) => {
        if (from === 'client') copied += data.length;
        if (from === 'client')
          pair.server.endpoint.receive(data, ELSEWHERE.address, ELSEWHERE.port, 'IPv4', pair.now);
        return [data];
      };
      pair.send(pair.client, utf8('copied'));
      pair.runUntil(() => pair.server.messages.length === 1, 1000);
      pair.intercept = undefined;
      pair.runFor(20_000);
      assert.deepEqual(pair.server.entry.peer, home);
      assert.equal(pair.server.entry.connection.counters.migrationsFailed, 1);
      // As many of three challenges as three times the bytes of the copy allow.
      const bytes = pair.strays.reduce((sum, { data }) => sum + data.length, 0);
      assert.ok(pair.strays.length > 0 && bytes <= 3 * copied, `${bytes} bytes for ${copied}`);
      assertAlive(pair);
    });

    test('forged records, and those of unknown, short and swapped IDs, move nothing', () => {
      const pair = open(version);
      const home = pair.client.address;
      let record: Uint8Array | undefined;
      pair.intercept = (data, from) => {
        if (from !== 'client' || record !== undefined) return [data];
        record = data.slice();
        return [];
      };
      pair.send(pair.client, utf8('taken'));
      pair.runFor(100);
      assert.ok(record);
      const { receive } = pair.idsOf(pair.server);
      const at = version === 'DTLSv1.3' ? 1 : 11;
      assert.deepEqual(record.slice(at, at + 8), receive);
      const before = pair.server.endpoint.counters.unknownConnectionIds;
      const unknown = record.slice();
      unknown[at] = (unknown[at] ?? 0) ^ 1;
      const short = record.slice(0, at + 5);
      for (const data of [unknown, short]) pair.inject(pair.server, data, ELSEWHERE);
      assert.equal(pair.server.endpoint.counters.unknownConnectionIds, before + 2);
      const forged = record.slice();
      forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
      pair.inject(pair.server, forged, ELSEWHERE);
      assert.equal(pair.server.dropped['bad_record'], 1);
      assert.deepEqual(pair.server.entry.peer, home);
      assert.deepEqual(pair.server.migrated, []);
      assertAlive(pair);
    });

    test('without connection IDs a record from elsewhere is dropped', () => {
      const pair = new Pair({ version }).handshake();
      const home = pair.client.address;
      pair.rebind(pair.client);
      pair.send(pair.client, utf8('lost'));
      pair.runFor(100);
      assert.equal(pair.server.messages.length, 0);
      assert.deepEqual(pair.server.entry.peer, home);
    });

    test('a NAT that gives the address of a silent client to another one ends neither session', () => {
      const pair = open(version);
      const first = pair.client;
      const firstAtServer = pair.server.entry;
      const second = pair.restartClient().connect().client;
      pair.runUntil(() => second.isConnected && pair.server.isConnected, 10_000);
      pair.runFor(100);
      assert.notEqual(pair.server.entry, firstAtServer);
      assert.equal(pair.server.endpoint.size, 2);
      assert.deepEqual([...pair.server.endpoint.entries()].length, 2);
      pair.client = first;
      pair.rebind(first);
      first.endpoint.send(first.entry, utf8('first'));
      pair.runFor(3000);
      assert.deepEqual(firstAtServer.peer, first.address);
      assert.deepEqual(pair.server.entry.peer, second.address);
      pair.client = second;
      second.endpoint.send(second.entry, utf8('second'));
      pair.runFor(3000);
      assert.equal(pair.server.messages.length, 2);
      for (const entry of [firstAtServer, pair.server.entry]) pair.server.endpoint.abandon(entry, undefined);
      pair.drain();
      assert.equal(pair.server.endpoint.size, 0);
      assert.deepEqual([...pair.server.endpoint.entries()], []);
    });

    test('a client that moves in its handshake goes on with it', () => {
      const pair = new Pair({
        version,
        clientBehaviour: { connectionId: 8 },
        serverBehaviour: { connectionId: 8 },
      }).connect();
      pair.runUntil(() => pair.client.isConnected || pair.client.flights('sent').length >= 3, 10_000);
      pair.rebind(pair.client);
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 60_000);
      if (version === 'DTLSv1.3') assertAlive(pair);
    });
  });
}
