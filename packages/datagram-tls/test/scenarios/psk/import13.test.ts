import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { suite, test } from 'node:test';
import { concat, utf8 } from '#lib/base/bytes.js';
import type { PskImportOption } from '#lib/config/psk-options.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { decodePreSharedKeyRequest } from '#lib/extensions/pre-shared-key.js';
import { deriveImportedPsk13 } from '#lib/keys/schedule13.js';
import { HandshakeType } from '#lib/wire/codes.js';
import { decodeImportedIdentity, encodeImportedIdentity } from '#lib/wire/imported-identity.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments } from '../../support/records.js';
import { refused } from '../../support/refused.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const NO_CERTIFICATE = { cert: undefined, key: undefined };

type Import = boolean | PskImportOption | undefined;

function options(client: Import, server: Import, ciphers?: string): PairOptions {
  const suites = ciphers === undefined ? {} : { ciphers };
  return {
    version: 'DTLSv1.3',
    client: { psk: { identity: 'sensor', key: KEY, import: client }, ...suites },
    server: { ...NO_CERTIFICATE, psk: { sensor: { key: KEY, import: server } }, ...suites },
  };
}

/** The identities of the first ClientHello. */
function offered(pair: Pair): Uint8Array[] {
  let identities: Uint8Array[] | undefined;
  pair.intercept = (data) => {
    for (const { type, fragment } of plainFragments(data)) {
      const hello = type === HandshakeType.client_hello ? decodeClientHello(fragment) : undefined;
      const psks = decodePreSharedKeyRequest(hello?.extensions.get(41) ?? new Uint8Array());
      if (psks !== undefined) identities ??= psks.identities.map(({ identity }) => identity.slice());
    }
    return [data];
  };
  pair.handshake();
  return identities ?? [];
}

suite('pre-shared keys imported into DTLS 1.3', () => {
  test('an imported identity names key, context, DTLS 1.3 and a hash, and is read back', () => {
    const identity = encodeImportedIdentity({
      externalIdentity: utf8('id'),
      context: utf8('ctx'),
      targetProtocol: 0xfefc,
      targetKdf: 2,
    });
    assert.deepEqual(identity, Uint8Array.of(0, 2, 105, 100, 0, 3, 99, 116, 120, 0xfe, 0xfc, 0, 2));
    assert.deepEqual(decodeImportedIdentity(identity), {
      externalIdentity: utf8('id'),
      context: utf8('ctx'),
      targetProtocol: 0xfefc,
      targetKdf: 2,
    });
    for (let length = 0; length < identity.length; length++)
      assert.equal(decodeImportedIdentity(identity.subarray(0, length)), undefined);
    assert.equal(decodeImportedIdentity(concat(identity, Uint8Array.of(0))), undefined);
    assert.equal(decodeImportedIdentity(Uint8Array.of(0, 0, 0, 0, 0xfe, 0xfc, 0, 1)), undefined);
  });

  test('an imported key is derived as RFC 9258 says, with the hash of the external key and the length of the other', () => {
    const identity = utf8('an encoded identity');
    const prk = createHmac('sha256', new Uint8Array(32)).update(KEY).digest();
    const label = concat(Uint8Array.of(0, 48, 17), utf8('dtls13derived psk'), Uint8Array.of(32));
    const info = concat(label, createHash('sha256').update(identity).digest());
    const first = createHmac('sha256', prk).update(info).update(Uint8Array.of(1)).digest();
    const second = createHmac('sha256', prk).update(first).update(info).update(Uint8Array.of(2)).digest();
    assert.deepEqual(
      deriveImportedPsk13(nodeProvider, KEY, 'sha256', identity, 'sha384'),
      concat(first, second).slice(0, 48),
    );
  });

  for (const [ciphers, hash] of [
    ['TLS_AES_128_GCM_SHA256', 'sha256'],
    ['TLS_AES_256_GCM_SHA384', 'sha384'],
  ] as const) {
    test(`${ciphers}: both sides import, and report the external identity`, () => {
      const pair = new Pair(options(true, { hash: 'sha256' }, ciphers));
      const [identity] = offered(pair);
      assertAlive(pair);
      const kdf = hash === 'sha256' ? 1 : 2;
      assert.deepEqual(
        identity,
        concat(Uint8Array.of(0, 6), utf8('sensor'), Uint8Array.of(0, 0, 0xfe, 0xfc, 0, kdf)),
      );
      for (const { sessions } of [pair.client, pair.server]) {
        assert.deepEqual(sessions[0]?.peer.pskIdentity, utf8('sensor'));
        assert.equal(sessions[0].suite.hash, hash);
        assert.equal(sessions[0].group, 'x25519');
      }
    });
  }

  test('a key is offered for each hash of the suites, and a server that prefers SHA-384 chooses that one', () => {
    const server = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256';
    const both = options(true, true);
    const pair = new Pair({ ...both, server: { ...both.server, ciphers: server } });
    const kdfs = offered(pair).map((identity) => decodeImportedIdentity(identity)?.targetKdf);
    assert.deepEqual(kdfs, [1, 2]);
    assert.equal(pair.server.sessions[0]?.suite.name, 'TLS_AES_256_GCM_SHA384');
    assertAlive(pair);
  });

  test('an import uses the context and the hash of both sides', () => {
    const how = { context: 'client a, server b', hash: 'sha384' } as const;
    assertAlive(new Pair(options(how, how)).handshake());
    const bytes = { context: Uint8Array.of(0xff, 0), hash: 'sha384' } as const;
    assertAlive(new Pair(options(bytes, bytes)).handshake());
  });

  test('a server looks up the external identity, synchronously or by promise', async () => {
    const asked: string[] = [];
    const { client } = options(true, true);
    const find = (identity: string) => {
      asked.push(identity);
      return { key: KEY, import: true };
    };
    const pair = new Pair({
      version: 'DTLSv1.3',
      ...(client && { client }),
      server: { ...NO_CERTIFICATE, psk: find },
    });
    assertAlive(pair.handshake());
    assert.deepEqual(asked, ['sensor']);
  });

  for (const [what, client, server] of [
    ['the client imports it and the server does not', true, false],
    ['the server imports it and the client does not', false, true],
    ['the contexts differ', { context: 'one' }, { context: 'other' }],
  ] as const) {
    test(`an imported key is unknown where ${what}`, () => {
      const pair = refused(options(client, server));
      assert.equal(pair.server.error?.code, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
      assert.equal(pair.server.error.alert, 'unknown_psk_identity');
    });
  }

  test('the binder shows another hash of the external key, or another key', () => {
    const hashes = refused(options({ hash: 'sha256' }, { hash: 'sha384' }));
    assert.equal(hashes.server.error?.code, 'ERR_DTLS_PSK_MISMATCH');
    const both = options(true, true);
    const keys = refused({
      ...both,
      client: { psk: { identity: 'sensor', key: utf8('wrong'), import: true } },
    });
    assert.equal(keys.server.error?.code, 'ERR_DTLS_PSK_MISMATCH');
    assert.match(String(keys.client.error?.message), /another pre-shared key/);
  });

  test('an imported identity for TLS 1.3, or for an unknown function, is unknown', () => {
    for (const [targetProtocol, targetKdf] of [
      [0x0304, 1],
      [0xfefc, 3],
    ] as const) {
      const identity = encodeImportedIdentity({
        externalIdentity: utf8('sensor'),
        context: new Uint8Array(),
        targetProtocol,
        targetKdf,
      });
      const both = options(true, true);
      const pair = refused({ ...both, client: { psk: { identity, key: KEY } } });
      assert.equal(pair.server.error?.code, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
    }
  });

  test('DTLS 1.2 uses the same key unchanged', () => {
    const pair = new Pair({ ...options(true, true), version: 'DTLSv1.2' }).handshake();
    assertAlive(pair);
    assert.deepEqual(pair.server.sessions[0]?.peer.pskIdentity, utf8('sensor'));
  });

  test('binders of imported keys are valid after a change of group, and on lossy paths', () => {
    const { client, server } = options(true, true);
    const pair = new Pair({
      version: 'DTLSv1.3',
      client: { ...client, groups: 'x25519:secp256r1', keyShares: 'x25519' },
      server: { ...server, groups: 'secp256r1' },
    }).handshake();
    assert.equal(pair.client.sessions[0]?.group, 'secp256r1');
    for (let seed = 1; seed <= 10; seed++) {
      const weather = { loss: 0.2, duplication: 0.1, jitter: 100 };
      const stormy = new Pair({ ...options(true, true), seed, weather });
      stormy.explain(() => stormy.handshake());
    }
  });

  test('mistakes in imports are reported by name', () => {
    for (const [how, code, message] of [
      [{ hash: 'sha512' }, 'ERR_INVALID_ARG_VALUE', /options\.psk\.import\.hash/],
      [{ context: 5 }, 'ERR_INVALID_ARG_TYPE', /options\.psk\.import\.context/],
      ['yes', 'ERR_INVALID_ARG_TYPE', /options\.psk\.import/],
      [{ context: 'x'.repeat(65_536) }, 'ERR_OUT_OF_RANGE', /options\.psk\.import\.context/],
    ] as const) {
      assert.throws(() => new Pair(options(how as never, true)).connect(), { code, message });
    }
  });
});
