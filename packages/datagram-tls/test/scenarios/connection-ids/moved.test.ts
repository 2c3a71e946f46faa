// A side goes on in another process while the address of its peer is in question.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const ELSEWHERE = { address: '198.51.100.66', family: 'IPv4', port: 666 } as const;

function open(version: TestedVersion, behaviour: BehaviourOptions): Pair {
  const both = { connectionId: 8, ...behaviour };
  return new Pair({ version, clientBehaviour: both, serverBehaviour: both }).handshake();
}

/** An attacker is faster with a copy of the client's next message. */
function race(pair: Pair): void {
  pair.intercept = (data, from) => {
    if (from === 'client') pair.arrive(pair.server, data, ELSEWHERE);
    return [data];
  };
  pair.send(pair.client, utf8('copied'));
  pair.runUntil(() => pair.server.messages.length === 1, 1000);
  pair.intercept = undefined;
  assert.deepEqual(pair.server.entry.peer, ELSEWHERE);
}

for (const version of VERSIONS)
  suite(`${version}: a server that moves while an address is in question`, () => {
    for (const returnRoutability of ['basic', 'enhanced'] as const)
      test(`checks it again, and goes back where it is no client's (${returnRoutability})`, () => {
        const pair = open(version, { returnRoutability });
        const home = pair.client.address;
        race(pair);
        pair.move(pair.server);
        pair.runFor(20_000);
        assert.deepEqual(pair.server.entry.peer, home);
        assert.equal(pair.server.entry.connection.path.validated, true);
        assertAlive(pair);
      });

    test('lets its application refuse it, and remembers that in the next process', () => {
      const pair = open(version, { returnRoutability: 'never' });
      const home = pair.client.address;
      race(pair);
      pair.move(pair.server);
      pair.server.endpoint.refusePath(pair.server.entry, pair.now);
      pair.drain();
      assert.deepEqual(pair.server.entry.peer, home);
      const seen: Uint8Array[] = [];
      pair.intercept = (data, from) => {
        if (from === 'client') seen.push(data);
        return [];
      };
      pair.send(pair.client, utf8('taken'));
      pair.runFor(100);
      pair.intercept = undefined;
      pair.move(pair.server);
      const [taken] = seen;
      assert.ok(taken);
      pair.inject(pair.server, taken, ELSEWHERE);
      assert.equal(pair.server.dropped['other_path'], 1);
      assert.deepEqual(pair.server.entry.peer, home);
      assertAlive(pair);
    });

    test('sends an unvalidated address no more after a crash than before', () => {
      const pair = open(version, { returnRoutability: 'never' });
      let room = 0;
      let sent = 0;
      pair.onArrival = (_, data, from) => {
        if (from === ELSEWHERE) room += 3 * data.length;
      };
      pair.onDeparture = (_, data, to) => {
        if (to.port === ELSEWHERE.port) sent += data.length;
      };
      race(pair);
      const { connection } = pair.server.entry;
      const state = connection.checkpoint(64, pair.now);
      connection.confirmCheckpoint(pair.now);
      for (let i = 0; i < 9; i++) pair.send(pair.server, new Uint8Array(20));
      assert.ok(sent > 0);
      pair.goOn('server', state);
      for (let i = 0; i < 9; i++) pair.send(pair.server, new Uint8Array(20));
      pair.runFor(5000);
      assert.ok(sent <= room, `${sent} bytes for ${room}`);
      // Those of numbers that the process before may have seen prove nothing.
      for (let i = 0; i < 70; i++) pair.send(pair.client, utf8('at home'));
      pair.runFor(100);
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
    });

    test('remembers a refused address while it hibernates', () => {
      const pair = open(version, { returnRoutability: 'never' });
      race(pair);
      pair.server.endpoint.refusePath(pair.server.entry, pair.now);
      pair.runFor(300_000);
      assert.ok(pair.server.endpoint.hibernate(pair.server.entry, pair.now));
      const seen: Uint8Array[] = [];
      pair.intercept = (data) => {
        seen.push(data);
        return [];
      };
      pair.send(pair.client, utf8('taken'));
      pair.runFor(100);
      pair.intercept = undefined;
      const [taken] = seen;
      assert.ok(taken);
      pair.inject(pair.server, taken, ELSEWHERE);
      assert.deepEqual(pair.server.entry.peer, pair.client.address);
      assertAlive(pair);
    });
  });
