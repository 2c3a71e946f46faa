import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { layerProvider, type PartialProvider, rebase } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { SERVERS } from '../support/identities.js';
import { Pair } from '../support/pair.js';
import { restrictedProvider } from '../support/restricted-provider.js';
import { securityOn, VERSIONS } from '../support/settings.js';

const { capabilities } = nodeProvider;

/** Has one primitive of each kind, and counts the calls. */
function countingLayer(): { readonly layer: PartialProvider; readonly calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const count = (what: string): void => {
    calls.set(what, (calls.get(what) ?? 0) + 1);
  };
  const counted = <Rest extends unknown[], R>(kind: string, fn: (name: string, ...rest: Rest) => R) => {
    return (name: string, ...rest: Rest): R => {
      count(`${kind} ${name}`);
      return fn(name, ...rest);
    };
  };
  const only = (kind: string, one: string) => (name: string) => {
    count(`has ${kind} ${name}`);
    return name === one;
  };
  const { hash, mac, hkdfExpand, aead, recordNumberMask, startKeyExchange, answerKeyExchange } =
    nodeProvider as unknown as Record<string, (name: string, ...rest: never[]) => unknown>;
  const use = (kind: string, fn: ((name: string, ...rest: never[]) => unknown) | undefined) =>
    counted(kind, fn ?? assert.fail()) as never;
  const layer: PartialProvider = {
    hashes: {
      has: only('hash', 'sha256'),
      hash: use('hash', hash),
      mac: use('mac', mac),
      hkdfExpand: use('hkdfExpand', hkdfExpand),
    },
    aeads: { has: only('aead', 'aes-128-gcm'), aead: use('aead', aead) },
    recordNumberMasks: {
      has: only('recordNumberMask', 'aes-128-gcm'),
      recordNumberMask: use('recordNumberMask', recordNumberMask),
    },
    keyExchanges: {
      has: only('group', 'x25519'),
      startKeyExchange: use('startKeyExchange', startKeyExchange),
      answerKeyExchange: use('answerKeyExchange', answerKeyExchange),
    },
  };
  return { layer, calls };
}

/** The base lacks the primitives of the layer: a call to one of them throws, and is recorded. */
function baseWithout(reached: string[]): CryptoProvider {
  return restrictedProvider(
    nodeProvider,
    { hashes: ['sha256'], aeads: ['aes-128-gcm'], masks: ['aes-128-gcm'], groups: ['x25519'] },
    reached,
  );
}

suite('a provider with some primitives, laid over another', () => {
  for (const version of VERSIONS) {
    test(`serves a whole handshake and messages of ${version} with what it has`, () => {
      const { layer, calls } = countingLayer();
      const reached: string[] = [];
      const provider = layerProvider(baseWithout(reached), layer);
      const ciphers =
        version === 'DTLSv1.3' ? 'TLS_AES_128_GCM_SHA256' : 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256';
      const pair = new Pair({
        version,
        adjust: ({ role }) => securityOn(provider, role, version, { ciphers }),
      });
      pair.handshake();
      assert.ok(pair.client.isConnected && pair.server.isConnected);
      pair.send(pair.client, utf8('over the layer'));
      assert.ok(pair.runUntil(() => pair.server.messages.length > 0, 1000));
      assert.deepEqual(reached, []);
      const used = [...calls.keys()].filter((name) => !name.startsWith('has ')).sort();
      const both = ['aead aes-128-gcm', 'answerKeyExchange x25519', 'hash sha256', 'hkdfExpand sha256'];
      const own = version === 'DTLSv1.3' ? ['recordNumberMask aes-128-gcm'] : [];
      assert.deepEqual(used, [...both, 'mac sha256', ...own, 'startKeyExchange x25519']);
    });

    test(`leaves the rest of ${version} to the provider below`, () => {
      const { layer, calls } = countingLayer();
      const provider = layerProvider(nodeProvider, layer);
      const ciphers =
        version === 'DTLSv1.3' ? 'TLS_AES_256_GCM_SHA384' : 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384';
      const pair = new Pair({
        version,
        adjust: ({ role }) => securityOn(provider, role, version, { ciphers, groups: 'secp256r1' }),
      });
      pair.handshake();
      assert.ok(pair.client.isConnected && pair.server.isConnected);
      for (const name of ['aead aes-128-gcm', 'startKeyExchange x25519', 'recordNumberMask aes-128-gcm'])
        assert.equal(calls.get(name), undefined, name);
    });
  }

  test('is asked once what it has', () => {
    const { layer, calls } = countingLayer();
    const provider = layerProvider(nodeProvider, layer);
    for (let i = 0; i < 5; i++) {
      provider.capabilities.aead('aes-128-gcm');
      provider.aead('aes-128-gcm', new Uint8Array(16));
      provider.aead('aes-256-gcm', new Uint8Array(32));
      provider.hash('sha384');
    }
    assert.equal(calls.get('has aead aes-128-gcm'), 1);
    assert.equal(calls.get('has aead aes-256-gcm'), 1);
    assert.equal(calls.get('has hash sha384'), 1);
    assert.equal(calls.get('aead aes-128-gcm'), 5);
    assert.equal(calls.get('aead aes-256-gcm'), undefined);
  });

  test('offers what either has, and nothing that neither has', () => {
    const base = restrictedProvider(nodeProvider, {
      aeads: ['aes-128-gcm', 'aes-128-ccm'],
      groups: ['x25519', 'secp521r1'],
      cbc: true,
    });
    const { capabilities: offered } = layerProvider(base, countingLayer().layer);
    assert.deepEqual(
      [offered.aead('aes-128-gcm'), offered.aead('aes-128-ccm'), offered.aead('aes-256-gcm')],
      [true, false, true],
    );
    assert.deepEqual(
      [offered.group('x25519'), offered.group('secp521r1'), offered.aesCbc()],
      [true, false, false],
    );
    assert.equal(
      offered.signature('ecdsa_secp256r1_sha256', 'p256'),
      capabilities.signature('ecdsa_secp256r1_sha256', 'p256'),
    );
  });

  test('has nothing for which its answer throws', () => {
    const aeads: PartialProvider['aeads'] = {
      has: () => {
        throw new Error('no such module');
      },
      aead: () => assert.fail(),
    };
    const provider = layerProvider(nodeProvider, { aeads });
    assert.equal(provider.capabilities.aead('aes-128-gcm'), capabilities.aead('aes-128-gcm'));
    assert.equal(provider.aead('aes-128-gcm', new Uint8Array(16)).tagLength, 16);
  });

  test('alone uses the keys that it imported, and no others', () => {
    const used: string[] = [];
    const provider = layerProvider(nodeProvider, {
      signatures: {
        has: (_scheme, type) => type === 'ed25519',
        importPrivateKey: (data, passphrase) => {
          const key = nodeProvider.importPrivateKey(data, passphrase);
          return key.type === 'ed25519' ? { ...key } : undefined;
        },
        importPublicKey: (spki) => {
          const key = nodeProvider.importPublicKey(spki);
          return key?.type === 'ed25519' ? { ...key } : undefined;
        },
        isKeyOf: (spki, key) => {
          used.push('isKeyOf');
          return nodeProvider.isKeyOf(spki, key);
        },
        sign: (scheme, key, data) => {
          used.push(`sign ${scheme}`);
          return nodeProvider.sign(scheme, key, data);
        },
        verify: (scheme, key, data, signature) => {
          used.push(`verify ${scheme}`);
          return nodeProvider.verify(scheme, key, data, signature);
        },
      },
    });
    const text = utf8('text');
    for (const [identity, scheme] of [
      [SERVERS.ed25519, 'ed25519'],
      [SERVERS.p256, 'ecdsa_secp256r1_sha256'],
    ] as const) {
      const key = provider.importPrivateKey(identity.key);
      const publicKey = provider.importPublicKey(key.spki) ?? assert.fail();
      assert.ok(provider.isKeyOf(key.spki, key));
      assert.ok(provider.verify(scheme, publicKey, text, provider.sign(scheme, key, text)));
    }
    assert.deepEqual(used, ['isKeyOf', 'sign ed25519', 'verify ed25519']);
  });

  test('may bring its own randomness, comparison and password functions', () => {
    const passwords = { ...nodeProvider.passwords };
    const provider = layerProvider(nodeProvider, {
      randomBytes: (length) => new Uint8Array(length).fill(7),
      equal: () => false,
      passwords,
    });
    assert.deepEqual(provider.randomBytes(2), Uint8Array.of(7, 7));
    assert.equal(provider.equal(Uint8Array.of(1), Uint8Array.of(1)), false);
    assert.equal(provider.passwords, passwords);
  });
});

suite('layers over another base', () => {
  const marked = (mark: number): CryptoProvider => ({
    ...nodeProvider,
    randomBytes: () => Uint8Array.of(mark),
  });

  test('a provider without the old base stays as it is', () => {
    const other = marked(1);
    assert.equal(rebase(other, nodeProvider, marked(2)), other);
  });

  test('each layer keeps what it has, and asks the new base for the rest', () => {
    const [from, to] = [marked(1), marked(2)];
    const inner = layerProvider(from, { equal: () => true });
    const outer = layerProvider(inner, { hashes: { ...nodeProvider, has: () => true } });
    const moved = rebase(outer, from, to);
    assert.deepEqual(outer.randomBytes(1), Uint8Array.of(1));
    assert.deepEqual(moved.randomBytes(1), Uint8Array.of(2));
    assert.equal(moved.equal(Uint8Array.of(1), Uint8Array.of(2)), true);
  });

  test('a layer signs with its own keys over the new base, too', () => {
    const used: string[] = [];
    const signatures: PartialProvider['signatures'] = {
      ...nodeProvider,
      has: () => true,
      sign: (scheme, key, data) => {
        used.push(scheme);
        return nodeProvider.sign(scheme, key, data);
      },
    };
    const before = layerProvider(nodeProvider, { signatures });
    const key = before.importPrivateKey(SERVERS.p256.key);
    rebase(before, nodeProvider, marked(2)).sign('ecdsa_secp256r1_sha256', key, utf8('text'));
    assert.deepEqual(used, ['ecdsa_secp256r1_sha256']);
  });
});
