import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { EndedHandshakes } from '#lib/endpoint/ended-handshakes.js';

const LIFE = 1000;
const MAX_MARKS = 8192;

function client(port: number): PeerAddress {
  return { address: '192.0.2.1', family: 'IPv4', port };
}

suite('handshakes that are over', () => {
  test('are known by address and random, for one life of a cookie at the least and two at most', () => {
    for (const added of [0, 1, 500, LIFE - 1, 1.5 * LIFE]) {
      const ended = new EndedHandshakes(nodeProvider, LIFE);
      ended.add(client(7), 1, 0);
      ended.add(client(1), 1, added);
      assert.ok(ended.has(client(1), 1, added + LIFE - 1), `added at ${added}`);
      assert.ok(!ended.has(client(2), 1, added));
      assert.ok(!ended.has(client(1), 2, added));
      assert.ok(!ended.has(client(1), 1, added + 3 * LIFE), `added at ${added}`);
      assert.equal(ended.size, 0);
    }
  });

  test('are remembered in a limited number, the last ones', () => {
    const ended = new EndedHandshakes(nodeProvider, LIFE);
    for (let i = 0; i < 3 * MAX_MARKS; i++) ended.add(client(i & 0xffff), i, 0);
    assert.equal(ended.size, 2 * MAX_MARKS);
    assert.ok(!ended.has(client(0), 0, 0));
    const last = 3 * MAX_MARKS - 1;
    assert.ok(ended.has(client(last & 0xffff), last, 0));
    const first = MAX_MARKS;
    assert.ok(ended.has(client(first & 0xffff), first, 0));
  });
});
