import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SessionCache } from '#lib/keys/session-cache.js';

const CONTENT = Uint8Array.of(1, 2, 3);

function id(n: number): Uint8Array {
  return Uint8Array.of(n >>> 8, n);
}

suite('sessions that a server remembers', () => {
  test('remembered sessions are found by their ID until they expire', () => {
    const cache = new SessionCache(10);
    cache.keep(id(1), CONTENT, 1000);
    assert.deepEqual(cache.find(id(1), 999), CONTENT);
    assert.equal(cache.find(id(2), 0), undefined);
    assert.equal(cache.find(id(1), 1000), undefined);
    assert.equal(cache.size, 0);
  });

  test('a remembered session can be removed', () => {
    const cache = new SessionCache(10);
    cache.keep(id(1), CONTENT, 1000);
    cache.keep(id(2), CONTENT, 1000);
    cache.forget(id(1));
    assert.equal(cache.find(id(1), 0), undefined);
    assert.deepEqual(cache.find(id(2), 0), CONTENT);
  });

  test('remembered sessions never exceed their number, and the last ones stay', () => {
    const cache = new SessionCache(100);
    for (let n = 0; n < 10_000; n++) {
      cache.keep(id(n), CONTENT, 1000);
      assert.ok(cache.size <= 100);
    }
    assert.equal(cache.find(id(9899), 0), undefined);
    for (let n = 9900; n < 10_000; n++) assert.deepEqual(cache.find(id(n), 0), CONTENT);
  });

  test('the last ones stay, too, where others between them were removed', () => {
    const cache = new SessionCache(100);
    for (let n = 0; n < 10_000; n++) {
      cache.keep(id(n), CONTENT, 1000);
      if (n % 3 > 0) cache.forget(id(n));
    }
    for (let n = 9900; n < 10_000; n++) assert.equal(cache.find(id(n), 0) !== undefined, n % 3 === 0, `${n}`);
    assert.ok(cache.size <= 100);
  });

  test('large sessions are not remembered', () => {
    const cache = new SessionCache(10);
    cache.keep(id(1), new Uint8Array(4096), 1000);
    cache.keep(id(2), new Uint8Array(4097), 1000);
    assert.ok(cache.find(id(1), 0) !== undefined);
    assert.equal(cache.find(id(2), 0), undefined);
  });
});
