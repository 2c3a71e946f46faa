import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, fromHex, utf8 } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { suiteByName } from '#lib/crypto/suites.js';
import { Exporter12 } from '#lib/keys/exporter.js';
import {
  deriveExtendedMasterSecret12,
  deriveKeyBlock12,
  deriveMasterSecret12,
  deriveVerifyData12,
  prf12,
} from '#lib/keys/prf12.js';

suite('the PRF of TLS 1.2', () => {
  test('SHA-256 gives the vector published on the TLS working group’s list', () => {
    const mac = nodeProvider.mac('sha256', hex('9bbe436ba940f017b17652849a71db35'));
    assert.deepEqual(
      prf12(mac, 'test label', 100, hex('a0ba9f936cda311827a6f796ffd5198c')),
      hex(
        'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af' +
          '0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701' +
          '87347b66',
      ),
    );
  });

  test('SHA-384 gives the vector published on the TLS working group’s list', () => {
    const mac = nodeProvider.mac('sha384', hex('b80b733d6ceefcdc71566ea48e5567df'));
    assert.deepEqual(
      prf12(mac, 'test label', 148, hex('cd665cf6a8447dd6ff8b27555edb7465')),
      hex(
        '7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0' +
          'e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425' +
          '9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070' +
          '3d73e56f',
      ),
    );
  });

  test('a shorter output is the beginning of a longer one', () => {
    const mac = nodeProvider.mac('sha256', utf8('secret'));
    const long = prf12(mac, 'label', 97, utf8('seed'));
    for (const length of [1, 12, 31, 32, 33, 64, 96]) {
      assert.deepEqual(prf12(mac, 'label', length, utf8('seed')), long.slice(0, length));
    }
  });
});

suite('the keys of DTLS 1.2', () => {
  const secret = utf8('a pre-master secret');
  const [clientRandom, serverRandom] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const mac = nodeProvider.mac('sha256', secret);

  test('the master secret takes the client’s random first', () => {
    assert.deepEqual(
      deriveMasterSecret12(nodeProvider, 'sha256', secret, clientRandom, serverRandom),
      prf12(mac, 'master secret', 48, clientRandom, serverRandom),
    );
  });

  test('the extended master secret takes the session hash', () => {
    assert.deepEqual(
      deriveExtendedMasterSecret12(nodeProvider, 'sha256', secret, clientRandom),
      prf12(mac, 'extended master secret', 48, clientRandom),
    );
  });

  for (const [name, macLength, fixedIv] of [
    ['ECDHE-RSA-AES128-GCM-SHA256', 0, 4],
    ['ECDHE-RSA-AES256-GCM-SHA384', 0, 4],
    ['ECDHE-RSA-CHACHA20-POLY1305', 0, 12],
    ['ECDHE-ECDSA-AES128-CCM8', 0, 4],
    ['PSK-AES128-CBC-SHA256', 32, 0],
  ] as const) {
    test(`the key block of ${name} is cut into MAC keys, keys and IVs, the client’s first`, () => {
      const of = suiteByName(name);
      assert.ok(of);
      const keys = deriveKeyBlock12(nodeProvider.mac(of.hash, secret), of, clientRandom, serverRandom);
      const { clientMac, serverMac, clientKey, serverKey, clientIv, serverIv } = keys;
      const parts = [clientMac, serverMac, clientKey, serverKey, clientIv, serverIv];
      assert.deepEqual(
        parts.map((part) => part.length),
        [macLength, macLength, of.keyLength, of.keyLength, fixedIv, fixedIv],
      );
      const block = prf12(
        nodeProvider.mac(of.hash, secret),
        'key expansion',
        2 * (macLength + of.keyLength + fixedIv),
        serverRandom,
        clientRandom,
      );
      assert.deepEqual(concat(...parts), block);
    });
  }

  test('the two sides’ Finished differ', () => {
    const verify = (label: 'client finished' | 'server finished') =>
      deriveVerifyData12(nodeProvider.mac('sha256', secret), label, clientRandom);
    assert.equal(verify('client finished').length, 12);
    assert.notDeepEqual(verify('client finished'), verify('server finished'));
  });

  test('an exporter without context differs from one with an empty context', () => {
    const exported = (context: Uint8Array | undefined) =>
      new Exporter12(secret, clientRandom, serverRandom).export(
        nodeProvider,
        'sha256',
        'EXPORTER-test',
        context,
        20,
      );
    const seed = [clientRandom, serverRandom];
    assert.deepEqual(exported(undefined), prf12(mac, 'EXPORTER-test', 20, ...seed));
    assert.deepEqual(
      exported(new Uint8Array(0)),
      prf12(mac, 'EXPORTER-test', 20, ...seed, new Uint8Array(2)),
    );
    assert.deepEqual(
      exported(new Uint8Array(0x102)),
      prf12(mac, 'EXPORTER-test', 20, ...seed, Uint8Array.of(1, 2), new Uint8Array(0x102)),
    );
  });
});

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  assert.ok(bytes);
  return bytes;
}
