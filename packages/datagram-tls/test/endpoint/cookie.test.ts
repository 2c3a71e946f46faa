import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { Cookies } from '#lib/endpoint/cookies.js';
import type { ClientHelloPrefix } from '#lib/wire/messages/client-hello.js';
import { flipped } from '../support/records.js';

const LIFETIME = 1000;
const peer: PeerAddress = { address: '192.0.2.1', family: 'IPv4', port: 4000 };
const hello: ClientHelloPrefix = {
  legacyVersion: 0xfefd,
  random: new Uint8Array(32).fill(1),
  sessionId: Uint8Array.of(1, 2),
  cookie: new Uint8Array(0),
  cipherSuites: [1],
  extensions: new Map(),
};

/** `cookie` was made for this address and ClientHello not too long ago, and carries nothing. */
function accepts(
  cookies: Cookies,
  from: PeerAddress,
  shown: ClientHelloPrefix,
  cookie: Uint8Array,
  now: number,
): boolean {
  return cookies.open(from, shown, cookie, now)?.length === 0;
}

suite('cookies', () => {
  test('cookies are accepted unchanged, and are the same while the key is', () => {
    const cookies = new Cookies(nodeProvider, LIFETIME);
    const cookie = cookies.make(peer, hello, 0);
    assert.equal(cookie.length, 32);
    assert.deepEqual(cookies.make(peer, hello, LIFETIME - 1), cookie);
    assert.ok(accepts(cookies, peer, hello, cookie, LIFETIME - 1));
  });

  test('cookies are valid for at least one lifetime and at most two', () => {
    for (const made of [0, 1, 500, LIFETIME - 1]) {
      const cookies = new Cookies(nodeProvider, LIFETIME);
      cookies.make(peer, hello, 0);
      const cookie = cookies.make(peer, hello, made);
      assert.ok(accepts(cookies, peer, hello, cookie, made + LIFETIME - 1), `made at ${made}`);
      // The traffic of others must not lengthen a life, nor its absence.
      assert.ok(!accepts(cookies, peer, hello, cookie, made + 2 * LIFETIME), `made at ${made}`);
    }
  });

  test('cookies expire with and without requests in between', () => {
    for (const step of [2 * LIFETIME, 10]) {
      const cookies = new Cookies(nodeProvider, LIFETIME);
      const cookie = cookies.make(peer, hello, 0);
      for (let now = step; now <= 2 * LIFETIME; now += step) cookies.make({ ...peer, port: 5 }, hello, now);
      assert.ok(!accepts(cookies, peer, hello, cookie, 2 * LIFETIME));
    }
  });

  test('cookies do not live longer where a key is renewed late', () => {
    const cookies = new Cookies(nodeProvider, LIFETIME);
    const cookie = cookies.make(peer, hello, 0);
    const late = cookies.make(peer, hello, 1.9 * LIFETIME);
    assert.ok(!accepts(cookies, peer, hello, cookie, 2 * LIFETIME));
    assert.ok(accepts(cookies, peer, hello, late, 2.9 * LIFETIME - 1));
    assert.ok(!accepts(cookies, peer, hello, late, 3.9 * LIFETIME));
  });

  test('cookies are bound to address, port, version and random', () => {
    const cookies = new Cookies(nodeProvider, LIFETIME);
    const cookie = cookies.make(peer, hello, 0);
    const others: [PeerAddress, ClientHelloPrefix][] = [
      [{ ...peer, address: '192.0.2.2' }, hello],
      [{ ...peer, port: 4001 }, hello],
      [peer, { ...hello, legacyVersion: 0xfefc }],
      [peer, { ...hello, random: flipped(hello.random, 31) }],
    ];
    for (const [address, other] of others) assert.ok(!accepts(cookies, address, other, cookie, 0));
  });

  test('cookies do not cover the session ID, which may differ in each ClientHello', () => {
    const cookies = new Cookies(nodeProvider, LIFETIME);
    const cookie = cookies.make(peer, hello, 0);
    assert.ok(accepts(cookies, peer, { ...hello, sessionId: Uint8Array.of(3, 2, 1) }, cookie, 0));
  });

  test('cookies with a wrong byte or a wrong length are invalid', () => {
    const cookies = new Cookies(nodeProvider, LIFETIME);
    const cookie = cookies.make(peer, hello, 0);
    for (let at = 0; at < cookie.length; at++)
      assert.ok(!accepts(cookies, peer, hello, flipped(cookie, at), 0));
    for (const length of [0, 1, 31]) assert.ok(!accepts(cookies, peer, hello, cookie.slice(0, length), 0));
  });

  test('cookies of one server are invalid at another', () => {
    const cookie = new Cookies(nodeProvider, LIFETIME).make(peer, hello, 0);
    assert.ok(!accepts(new Cookies(nodeProvider, LIFETIME), peer, hello, cookie, 0));
  });
});
