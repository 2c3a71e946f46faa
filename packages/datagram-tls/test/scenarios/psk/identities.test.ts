import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { PskCredentialsOption } from '#lib/config/psk-options.js';
import { createSecureContext } from '#lib/index.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const KEY = new Uint8Array(16).fill(5);

type Identity = string | Uint8Array;

function options(version: TestedVersion, client: Identity, server: Identity, key = KEY): PairOptions {
  return {
    version,
    client: { psk: { identity: client, key } },
    server: { cert: undefined, key: undefined, psk: new Map([[server, KEY]]) },
  };
}

/** What an identity may be, as a client writes it, as the server does, and what both are told. */
const IDENTITIES: readonly [string, Identity, Identity, Uint8Array][] = [
  ['text', 'sensor', 'sensor', utf8('sensor')],
  ['text on one side and its bytes on the other', 'größe', utf8('größe'), utf8('größe')],
  [
    'bytes that are no UTF-8',
    Uint8Array.of(0xff, 0xc3, 0),
    Uint8Array.of(0xff, 0xc3, 0),
    Uint8Array.of(0xff, 0xc3, 0),
  ],
  ['a single zero byte', Uint8Array.of(0), '\0', Uint8Array.of(0)],
  [
    '4,000 bytes',
    new Uint8Array(4000).fill(0xfe),
    new Uint8Array(4000).fill(0xfe),
    new Uint8Array(4000).fill(0xfe),
  ],
];

for (const version of VERSIONS) {
  suite(`identities of pre-shared keys, ${version}`, () => {
    for (const [what, client, server, told] of IDENTITIES) {
      test(`${what}: a session with an identity that both sides report`, () => {
        const pair = new Pair(options(version, client, server)).handshake();
        assertAlive(pair);
        for (const { sessions } of [pair.client, pair.server])
          assert.deepEqual(sessions[0]?.peer.pskIdentity, told);
      });

      test(`${what}: another key is reported as such by the server, and as likely by the client`, () => {
        const pair = new Pair(options(version, client, server, new Uint8Array(16).fill(6))).connect();
        pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 15_000);
        assert.equal(pair.server.error?.code, 'ERR_DTLS_PSK_MISMATCH');
        assert.match(String(pair.client.error?.message), /decrypt_error.*pre-shared key/);
      });
    }

    test('two identities that look alike as text are different', () => {
      const pair = refused(options(version, Uint8Array.of(0xff), Uint8Array.of(0xfe)));
      assert.equal(pair.server.error?.code, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
      assert.equal(pair.client.error?.alert, 'unknown_psk_identity');
    });

    test('an identity that is empty or too long for its field is a mistake of the caller, reported at once', () => {
      for (const empty of ['', new Uint8Array(0)]) {
        assert.throws(() => new Pair(options(version, empty, 'x')).connect(), {
          code: 'ERR_INVALID_ARG_VALUE',
        });
        assert.throws(() => new Pair(options(version, 'x', empty)).connect(), {
          code: 'ERR_INVALID_ARG_VALUE',
        });
      }
      const long = new Uint8Array(65_536);
      assert.throws(() => new Pair(options(version, long, 'x')).connect(), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => new Pair(options(version, 'x', long)).connect(), { code: 'ERR_OUT_OF_RANGE' });
    });
  });
}

suite('long identities', () => {
  test('DTLS 1.2 carries identities up to the limit of their field, beside a share, too', () => {
    const identity = new Uint8Array(65_535).fill(0xfd);
    for (const ciphers of ['PSK-AES128-GCM-SHA256', 'ECDHE-PSK-CHACHA20-POLY1305']) {
      const { client, server } = options('DTLSv1.2', identity, identity);
      const mtu = { mtu: 256 };
      const pair = new Pair({
        client: { ...client, ciphers },
        server: { ...server, ciphers },
        clientBehaviour: mtu,
      });
      assertAlive(pair.handshake());
    }
  });

  test('DTLS 1.3 carries identities of 4,096 bytes in total, in the smallest datagrams, too', () => {
    const [half, other] = [1, 2].map((fill) => new Uint8Array(2048).fill(fill)) as [Uint8Array, Uint8Array];
    for (const mtu of [256, 1200]) {
      const psk = [half, other].map((identity) => ({ identity, key: KEY }));
      const clientBehaviour = { mtu };
      const pair = new Pair({ ...options('DTLSv1.3', half, other), client: { psk }, clientBehaviour });
      assertAlive(pair.handshake());
      assert.deepEqual(pair.server.sessions[0]?.peer.pskIdentity, other);
    }
  });

  const tooLong: readonly [string, PskCredentialsOption][] = [
    ['an identity', { identity: new Uint8Array(4097), key: KEY }],
    ['several together', [1, 2, 3].map((fill) => ({ identity: new Uint8Array(1366).fill(fill), key: KEY }))],
    [
      'an imported one, for each hash',
      { identity: new Uint8Array(2000), key: KEY, import: { context: new Uint8Array(49) } },
    ],
  ];
  for (const [what, psk] of tooLong) {
    test(`a client with DTLS 1.3 is told at once what is too long: ${what}`, () => {
      const code = { code: 'ERR_OUT_OF_RANGE', message: /identities in DTLS 1\.3.*<= 4096/ };
      assert.throws(() => createSecureContext({ psk }), code);
      createSecureContext({ psk, maxVersion: 'DTLSv1.2' });
    });

    test(`a function is told what is too long when it returns: ${what}`, () => {
      const pair = new Pair({ version: 'DTLSv1.3', client: { psk: () => psk } }).connect();
      pair.drain();
      assert.equal(pair.client.error?.code, 'ERR_DTLS_CALLBACK');
      assert.match(pair.client.error.message, /options\.psk\(\): bytes of all identities in DTLS 1\.3/);
    });
  }
});
