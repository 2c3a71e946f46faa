import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';
import { plainFragments } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';
import { Keeper } from '../../support/side.js';

for (const version of VERSIONS) {
  suite(`a client that begins anew at the same address, ${version}`, () => {
    test('a restarted client gets a new session, and only then the old one ends, without an error', () => {
      const pair = new Pair({ version }).handshake();
      const [old] = pair.server.entries;
      pair.restartClient().connect();
      pair.runUntil(() => pair.server.entries.length === 2, 5000);
      assert.equal(old?.connection.phase, 'open', 'the old session outlives the cookie');
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 5000);
      assert.equal(old.connection.phase, 'closed');
      assert.deepEqual(pair.server.closed, [{ entry: old, error: undefined }]);
      assert.equal(pair.server.endpoint.size, 1);
      assertAlive(pair);
    });

    test('a client may restart repeatedly', () => {
      const pair = new Pair({ version }).handshake();
      for (let i = 0; i < 5; i++) {
        pair.restartClient().handshake();
        assertAlive(pair);
        assert.equal(pair.server.endpoint.size, 1);
      }
      pair.close(pair.client);
      pair.runFor(2000);
      assert.equal(pair.server.endpoint.size, 0);
    });

    test('a client may restart during a handshake', () => {
      for (let datagrams = 1; datagrams < 8; datagrams++) {
        const pair = new Pair({ version });
        let seen = 0;
        pair.intercept = (data) => (++seen > datagrams ? [] : [data]);
        pair.connect().runFor(200);
        pair.intercept = undefined;
        pair.network.clear();
        pair.restartClient();
        pair.explain(() => pair.handshake());
        assertAlive(pair);
        assert.equal(pair.server.endpoint.size, 1);
      }
    });

    test('a restarted client that never finishes does no harm to the old session', () => {
      const pair = new Pair({ version }).handshake();
      const living = pair.client;
      const impostor = pair.restartClient().client;
      pair.intercept = (data, from) => {
        // The impostor gets as far as its cookie brings it.
        const past = plainFragments(data).every((f) => f.type !== HandshakeType.client_hello);
        return from === 'client' && pair.client === impostor && past ? [] : [data];
      };
      pair.connect();
      pair.runFor(3000);
      assert.equal(pair.server.entries.length, 2);
      assert.equal(pair.server.entry.connection.phase, 'handshaking');
      pair.intercept = undefined;
      pair.client = living;
      const [old] = pair.server.entries;
      for (let i = 0; i < 10; i++) pair.send(living, utf8(`still here ${i}`));
      pair.runFor(100);
      assert.equal(pair.server.messages.length, 10);
      pair.runFor(70_000);
      assert.equal(pair.server.entry.connection.phase, 'closed');
      assert.equal(pair.server.endpoint.size, 1);
      pair.send(living, utf8('and now'));
      pair.runFor(100);
      assert.equal(pair.server.messages.length, 11);
      assert.equal(old?.connection.phase, 'open');
    });

    test('a restart is not believed without a cookie: a forged ClientHello changes nothing', () => {
      const pair = new Pair({ version });
      const hellos = clientHellos(pair);
      pair.handshake();
      const forged = hellos[0]?.slice() ?? assert.fail();
      forged.fill(0xaa, 27, 59);
      const { bytesReceived } = pair.server.endpoint.counters;
      for (let i = 0; i < 100; i++) pair.inject(pair.server, forged);
      assert.equal(pair.server.entries.length, 1);
      assert.equal(pair.server.endpoint.size, 1);
      assert.equal(pair.server.endpoint.counters.bytesReceived - bytesReceived, 100 * forged.length);
      assertAlive(pair);
    });

    test('a restart is distinguished from a late or repeated ClientHello', () => {
      const pair = new Pair({ version });
      const hellos = clientHellos(pair);
      pair.handshake();
      for (let i = 0; i < 3; i++) for (const hello of hellos) pair.inject(pair.server, hello);
      pair.runFor(5000);
      assert.equal(pair.server.entries.length, 1);
      assertAlive(pair);
    });

    test('a restart is distinguished from the replayed ClientHello of an earlier session', () => {
      const pair = new Pair({ version });
      const hellos = clientHellos(pair);
      pair.handshake();
      const earlier = [...hellos];
      pair.restartClient().handshake();
      for (const hello of earlier) pair.inject(pair.server, hello);
      pair.runFor(70_000);
      assert.equal(pair.server.endpoint.size, 1);
      assert.equal(pair.server.entries[1]?.connection.phase, 'open');
    });

    test('the replayed ClientHello of an earlier session does not end the handshake of a client that restarts', () => {
      const pair = new Pair({ version, weather: { latency: 20 } });
      const hellos = clientHellos(pair);
      pair.handshake();
      const earlier = [...hellos];
      pair.restartClient().handshake();
      assertGoesOnBeside(earlier, pair);
    });

    test('the ClientHello of a handshake that was given up does not end that of the next process', () => {
      const pair = new Pair({ version, weather: { latency: 20 } });
      const hellos = clientHellos(pair);
      pair.handshake();
      hellos.length = 0;
      pair.restartClient().connect();
      pair.runUntil(() => pair.server.entries.length === 2, 5000);
      const earlier = [...hellos];
      pair.network.clear();
      assertGoesOnBeside(earlier, pair);
    });

    test('a ClientHello that the network holds back past the end of its session begins no other one', () => {
      for (const hibernateAfter of [0, 10_000]) {
        const pair = new Pair({ version, serverBehaviour: { hibernateAfter } });
        const hellos = clientHellos(pair);
        pair.handshake();
        const keeper = new Keeper(pair.server.endpoint, pair.server.entry);
        pair.server.only = keeper;
        pair.runFor(30_000);
        assert.equal(keeper.dormancies > 0, hibernateAfter > 0);
        pair.close(pair.client);
        pair.runFor(5000);
        const { rejected } = pair.server.endpoint.counters;
        for (const hello of hellos) pair.inject(pair.server, hello);
        assert.deepEqual([pair.server.entries.length, pair.server.endpoint.size], [1, 0]);
        assert.equal(pair.server.endpoint.counters.rejected, rejected + 1);
        pair.server.only = undefined;
        pair.restartClient().handshake();
        assertAlive(pair);
      }
    });
  });
}

/** The client begins its third handshake, in which its earlier ClientHellos come again. */
function assertGoesOnBeside(hellos: readonly Uint8Array[], pair: Pair): void {
  pair.restartClient().connect();
  pair.runUntil(() => pair.server.entries.length === 3, 5000);
  for (const hello of hellos) pair.inject(pair.server, hello);
  assert.equal(pair.server.entries.length, 3);
  assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 1000));
  assertAlive(pair);
}

/** The datagrams with ClientHellos, as they come. */
function clientHellos(pair: Pair): Uint8Array[] {
  const hellos: Uint8Array[] = [];
  pair.intercept = (data, from) => {
    if (from === 'client' && plainFragments(data)[0]?.type === HandshakeType.client_hello) hellos.push(data);
    return [data];
  };
  return hellos;
}
