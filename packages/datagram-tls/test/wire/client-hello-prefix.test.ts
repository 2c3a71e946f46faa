import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ExtensionType } from '#lib/wire/codes.js';
import { type ClientHello, encodeClientHello, peekClientHello } from '#lib/wire/messages/client-hello.js';
import { filled, hex } from './bytes.js';

const hello: ClientHello = {
  legacyVersion: 0xfefd,
  random: filled(32, 0x11),
  sessionId: filled(8, 0x22),
  cookie: filled(20, 0x33),
  cipherSuites: [0x1301, 0xc02b],
  compressionMethods: hex('00'),
  extensions: new Map([
    [ExtensionType.cookie, hex('0004 aabbccdd')],
    [ExtensionType.key_share, filled(1200, 0x44)],
  ]),
};
const body = encodeClientHello(hello);
const cookieFieldEnd = 2 + 32 + 1 + 8 + 1 + 20;
const suitesEnd = cookieFieldEnd + 2 + 4;
const cookieExtensionEnd = suitesEnd + 2 + 2 + 4 + 6;

suite('the first part of a ClientHello', () => {
  test('the first part of a ClientHello says nothing before the cookie field is complete', () => {
    for (let length = 0; length < cookieFieldEnd; length++) {
      assert.equal(peekClientHello(body.subarray(0, length)), undefined, `at ${length}`);
    }
  });

  test('the first part of a ClientHello gives the fixed fields from the end of the cookie field on', () => {
    for (let length = cookieFieldEnd; length <= body.length; length++) {
      const prefix = peekClientHello(body.subarray(0, length));
      assert.equal(prefix?.legacyVersion, hello.legacyVersion);
      assert.deepEqual(prefix.random, hello.random);
      assert.deepEqual(prefix.sessionId, hello.sessionId);
      assert.deepEqual(prefix.cookie, hello.cookie);
    }
  });

  test('the first part of a ClientHello gives the cipher suites only when all are present', () => {
    assert.deepEqual(peekClientHello(body.subarray(0, suitesEnd - 1))?.cipherSuites, []);
    assert.deepEqual(peekClientHello(body.subarray(0, suitesEnd))?.cipherSuites, hello.cipherSuites);
  });

  test('the first part of a ClientHello gives the cookie extension as soon as it is complete', () => {
    const before = peekClientHello(body.subarray(0, cookieExtensionEnd - 1));
    assert.deepEqual(before?.extensions, new Map());
    for (const length of [cookieExtensionEnd, cookieExtensionEnd + 3, body.length - 1]) {
      const after = peekClientHello(body.subarray(0, length));
      assert.deepEqual(after?.extensions, new Map([[ExtensionType.cookie, hex('0004 aabbccdd')]]));
    }
  });

  test('the first part of a ClientHello gives every extension when it is the whole message', () => {
    assert.deepEqual(peekClientHello(body)?.extensions, hello.extensions);
  });

  test('the first part of a ClientHello is refused with a session ID longer than 32 bytes', () => {
    const bad = body.slice();
    bad[34] = 33;
    assert.equal(peekClientHello(bad), undefined);
  });
});
