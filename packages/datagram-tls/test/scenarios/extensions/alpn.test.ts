import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { chooseAlpn, readAlpnChoice } from '#lib/extensions/alpn.js';
import { createSecureContext } from '#lib/index.js';
import { ExtensionType } from '#lib/wire/codes.js';
import { client, echoServer } from '../../driver/echo.js';
import { assertAlive } from '../../support/alive.js';
import { Pair } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { security, VERSIONS } from '../../support/settings.js';

for (const version of VERSIONS) {
  suite(`application protocols, ${version}`, () => {
    const agreed: readonly [string, string[] | undefined, string[] | undefined, string | undefined][] = [
      ['the one in both lists', ['coap', 'mqtt'], ['mqtt'], 'mqtt'],
      ["the server's first of several", ['a', 'b', 'c'], ['c', 'b'], 'c'],
      ['a name that is not ASCII', ['π'], ['π'], 'π'],
      ['no protocol if the server has none', ['a'], undefined, undefined],
      ['no protocol if the client has none', undefined, ['a'], undefined],
    ];
    for (const [what, ours, theirs, expected] of agreed) {
      test(`both sides agree on ${what}`, () => {
        const pair = new Pair({
          version,
          client: ours === undefined ? {} : { alpn: ours },
          server: theirs === undefined ? {} : { alpn: theirs },
        });
        pair.explain(() => pair.handshake());
        for (const { sessions } of [pair.client, pair.server])
          assert.deepEqual(sessions[0]?.agreed.alpn, expected === undefined ? undefined : utf8(expected));
        assertAlive(pair);
      });
    }

    test('a client with none of the names of the server is refused with no_application_protocol', () => {
      const pair = refused({ version, client: { alpn: ['a'] }, server: { alpn: ['b'] } });
      assert.equal(pair.server.alerts('sent')[0], 'fatal no_application_protocol');
      assert.equal(pair.server.error?.code, 'ERR_DTLS_NO_APPLICATION_PROTOCOL');
      assert.equal(pair.client.error?.alert, 'no_application_protocol');
    });

    test('sessions report the protocol over UDP, offered in the wire format', async () => {
      const versions = { minVersion: version, maxVersion: version };
      const server = echoServer({ ...versions, alpn: ['webrtc', 'c-webrtc'] });
      const session = client(server.port, { ...versions, alpn: utf8('\x08c-webrtc\x06webrtc') });
      assert.equal(session.alpnProtocol, undefined);
      await session.opened;
      await server.sessions[0]?.opened;
      assert.deepEqual([session.alpnProtocol, server.sessions[0]?.alpnProtocol], ['webrtc', 'webrtc']);
      await session.close();
      assert.equal(session.alpnProtocol, undefined);
      await server.endpoint.close();
    });
  });
}

suite('application protocols, malformed or wrong', () => {
  const ours = security('client', 'DTLSv1.3', { alpn: ['a', 'bc'] });
  const body = (...bytes: number[]) => new Map([[ExtensionType.alpn, Uint8Array.from(bytes)]]);

  const answers: readonly [string, ReadonlyMap<number, Uint8Array>, string][] = [
    ['a name that was not offered', body(0, 2, 1, 0x78), 'illegal_parameter'],
    ['the beginning of a name', body(0, 2, 1, 0x62), 'illegal_parameter'],
    ['two names', body(0, 5, 1, 0x61, 2, 0x62, 0x63), 'decode_error'],
    ['no name', body(0, 0), 'decode_error'],
    ['an empty name', body(0, 1, 0), 'decode_error'],
    ['a byte too many', body(0, 2, 1, 0x61, 0), 'decode_error'],
    ['an empty body', body(), 'decode_error'],
  ];
  for (const [what, extensions, alert] of answers) {
    test(`an answer with ${what} ends the handshake with ${alert}`, () => {
      assert.throws(() => readAlpnChoice(ours, extensions), { alert });
    });
  }

  for (const [what, extensions] of [
    ['no name', body(0, 0)],
    ['an empty name', body(0, 3, 0, 1, 0x61)],
    ['a name that is cut off', body(0, 3, 3, 0x61, 0x62)],
  ] as const) {
    test(`an offer with ${what} ends the handshake with decode_error, even without a choice`, () => {
      const server = security('server', 'DTLSv1.3');
      assert.throws(() => chooseAlpn(server, extensions), { alert: 'decode_error' });
    });
  }
});

suite('the option alpn', () => {
  const mistakes: readonly [string, unknown, string, RegExp][] = [
    ['a string', 'h3', 'ERR_INVALID_ARG_TYPE', /options\.alpn/],
    ['a number in the list', ['a', 5], 'ERR_INVALID_ARG_TYPE', /options\.alpn\[1\]/],
    ['an empty name', ['a', ''], 'ERR_OUT_OF_RANGE', /options\.alpn\[1\] byte length/],
    ['a name of 256 bytes', ['π'.repeat(128)], 'ERR_OUT_OF_RANGE', /options\.alpn\[0\] byte length/],
    ['more than the extension holds', Array(300).fill('x'.repeat(255)), 'ERR_OUT_OF_RANGE', /byte length/],
    [
      'bytes with an empty name',
      Uint8Array.of(1, 97, 0),
      'ERR_INVALID_ARG_VALUE',
      /zero-length protocol name at offset 2/,
    ],
    [
      'bytes that are cut off',
      Uint8Array.of(1, 97, 2, 98),
      'ERR_INVALID_ARG_VALUE',
      /at offset 2 runs past the end/,
    ],
  ];
  for (const [what, alpn, code, message] of mistakes) {
    test(`alpn with ${what} is refused with ${code}`, () => {
      assert.throws(() => createSecureContext({ alpn: alpn as string[] }), { code, message });
    });
  }
});
