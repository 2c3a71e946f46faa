// A client that closes while its Finished is on its way, DTLS 1.3: its close_notify goes right behind it.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, listen } from '#lib/index.js';
import { MemoryNetwork } from '../../driver/memory-link.js';
import { casesOf } from '../../support/long.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';

/** ms. */
const ROUND_TRIP = 20;
const LINGER = 500;
const UNACKNOWLEDGED_LINGER = 3000;
/** A datagram with a close_notify alone is smaller than any other of a session. */
const SMALL = 30;

/** The client closes as soon as it is connected. `loses` is asked for each datagram from there on. */
function closed(loses: (from: 'client' | 'server', data: Uint8Array) => boolean = () => false, seed = 1) {
  const pair = new Pair({ version: 'DTLSv1.3', seed }).connect();
  pair.runUntil(() => pair.client.isConnected, 10_000);
  const began = pair.now;
  pair.intercept = (data, from) => (loses(from, data) ? [] : [data]);
  pair.close(pair.client);
  pair.runUntil(() => pair.client.isClosed, 60_000);
  return { pair, took: pair.now - began };
}

/** Loses the first `count` datagrams of `side`. */
function first(count: number, side: 'client' | 'server') {
  let seen = 0;
  return (from: 'client' | 'server'): boolean => from === side && seen++ < count;
}

suite('a client of DTLS 1.3 that closes before its handshake is acknowledged', () => {
  test('is over after one round trip, and so is the server', () => {
    const { pair, took } = closed();
    assert.equal(took, ROUND_TRIP);
    assert.ok(pair.server.isClosed);
    assert.deepEqual(pair.client.alerts('sent'), ['warning close_notify']);
  });

  test('is over after one round trip where the ACK and the tickets are lost', () => {
    const { pair, took } = closed((from, data) => from === 'server' && data.length > SMALL);
    assert.equal(took, ROUND_TRIP);
    assert.ok(pair.server.isClosed);
  });

  test('waits no longer for an answer than any other once it is acknowledged', () => {
    const { pair, took } = closed((from, data) => from === 'client' && data.length < SMALL);
    assert.equal(took, ROUND_TRIP + LINGER);
    assert.equal(pair.client.error, undefined);
  });

  test('repeats close_notify behind its Finished, so that the server hears of both', () => {
    const { pair, took } = closed(first(2, 'client'));
    assert.ok(took < 1000, `${took} ms`);
    assert.ok(pair.server.isClosed);
    assert.deepEqual(pair.client.alerts('sent'), ['warning close_notify', 'warning close_notify']);
  });

  test('is over after three seconds on a path that returns nothing', () => {
    const { pair, took } = closed(() => true);
    assert.equal(took, UNACKNOWLEDGED_LINGER);
    assert.equal(pair.client.error, undefined);
  });

  test('is over within that time on any path, without an error', () => {
    for (let seed = 1; seed <= casesOf(800); seed++) {
      const random = new Random(seed);
      const { pair, took } = closed(() => random.chance(0.4), seed);
      assert.ok(took <= UNACKNOWLEDGED_LINGER, `seed ${seed}: ${took} ms`);
      assert.equal(pair.client.error, undefined, `seed ${seed}`);
    }
  });

  test('is closed for the application as soon as the server acknowledges, without a timer', async (t) => {
    t.mock.method(globalThis, 'setTimeout', () => ({ ref: () => undefined, unref: () => undefined }));
    const psk = Buffer.alloc(16, 1);
    const network = new MemoryNetwork();
    const endpoint = listen(() => undefined, {
      transport: network.transport('server'),
      psk: { device: psk },
    });
    const transport = network.transport('client');
    const send = transport.send.bind(transport);
    transport.send = (data, to) => (data.length < SMALL ? undefined : send(data, to));
    const session = connect('server', 1, { transport, psk: { identity: 'device', key: psk } });
    await session.opened;
    await session.close();
    assert.ok(transport.sent.length > 0);
    await session.endpoint.closed;
    endpoint.destroy();
  });
});
