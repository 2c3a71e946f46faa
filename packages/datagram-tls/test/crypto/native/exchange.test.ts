import assert from 'node:assert/strict';
import { createECDH, createPrivateKey, type ECDH, generateKeyPairSync, randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { EcdhExchange, X25519Exchange } from '#lib/crypto/node-exchange.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { hasNativeGroup, NATIVE_GROUPS, NativeExchange } from '#lib/crypto/node-native-exchange.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import type { KeyExchange } from '#lib/crypto/provider.js';

type Group = (typeof NATIVE_GROUPS)[number];

const skip = nativeFailure() ?? false;
const native = layerProvider(nodeProvider, nativeLayer(nodeProvider));
const ROUNDS: Readonly<Record<Group, number>> = { x25519: 100, secp256r1: 100, secp384r1: 15, secp521r1: 15 };
const CURVES = { secp256r1: 'prime256v1', secp384r1: 'secp384r1', secp521r1: 'secp521r1' } as const;

/** One key pair, ours and that of node:crypto. */
function pairOf(group: Group): readonly [NativeExchange, KeyExchange] {
  const { privateKey } =
    group === 'x25519'
      ? generateKeyPairSync('x25519')
      : generateKeyPairSync('ec', { namedCurve: CURVES[group] });
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  const ours = NativeExchange.import(group, new Uint8Array(pkcs8)) ?? assert.fail('no key');
  if (group === 'x25519')
    return [ours, new X25519Exchange(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))];
  const ecdh: ECDH = createECDH(CURVES[group]);
  ecdh.setPrivateKey(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'));
  return [ours, new EcdhExchange(group, ecdh)];
}

/** Points of X25519 of low order, and others that encode the same (RFC 7748 §6.1). */
const LOW_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(31)}`,
].map((text) => new Uint8Array(Buffer.from(text, 'hex')));

suite('the native key exchange', { skip }, () => {
  for (const group of NATIVE_GROUPS) {
    test(`${group} passes its test, and is not the platform's`, () => {
      assert.ok(hasNativeGroup(group));
      assert.equal(native.startKeyExchange(group).constructor.name, 'NativeExchange');
    });

    test(`${group}: both sides agree, with node:crypto on either, under fresh keys`, () => {
      const seen = new Set<string>();
      for (let i = 0; i < ROUNDS[group]; i++) {
        for (const [client, server] of [
          [native, nodeProvider],
          [nodeProvider, native],
          [native, native],
        ] as const) {
          const exchange = client.startKeyExchange(group);
          const answer = server.answerKeyExchange(group, exchange.share) ?? assert.fail('refused');
          assert.deepEqual(exchange.finish(answer.share), answer.secret);
          assert.deepEqual(exchange.finish(answer.share), answer.secret, 'again');
          seen.add(Buffer.from(answer.secret).toString('hex'));
        }
      }
      assert.equal(seen.size, 3 * ROUNDS[group]);
    });

    test(`${group} takes and refuses the shares that node:crypto does, and computes the same`, () => {
      const [ours, nodes] = pairOf(group);
      const { share } = native.startKeyExchange(group);
      const judge = (given: Uint8Array, what: string) => {
        const secret = nodes.finish(given);
        assert.deepEqual(ours.finish(given), secret, what);
        assert.deepEqual(
          native.answerKeyExchange(group, given) === undefined,
          nodeProvider.answerKeyExchange(group, given) === undefined,
          what,
        );
        return secret !== undefined;
      };
      assert.ok(judge(share, 'a good one'));
      for (let length = 0; length < share.length + 40; length++)
        if (length !== share.length)
          assert.equal(judge(new Uint8Array(randomBytes(length)), `${length} bytes`), false);
      for (let i = 0; i < ROUNDS[group]; i++) {
        const changed = share.slice();
        const bit = (i * 37) % (share.length * 8);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        judge(changed, `bit ${bit} changed`);
        judge(new Uint8Array(randomBytes(share.length)), 'at random');
      }
      for (const first of [0, 1, 2, 3, 5, 6, 7, 255]) judge(share.with(0, first), `first byte ${first}`);
      for (const fill of [0, 255]) {
        judge(new Uint8Array(share.length).fill(fill), `all ${fill}`);
        judge(new Uint8Array(share.length).fill(fill).with(0, 4), `a point of all ${fill}`);
      }
      assert.ok(judge(share, 'the good one, after all others'));
    });

    test(`${group}: shares and secrets are memory of their own`, () => {
      const [one, other] = [native.startKeyExchange(group), native.startKeyExchange(group)];
      const share = one.share.slice();
      const secret = one.finish(other.share);
      const copy = secret?.slice();
      one.finish(native.startKeyExchange(group).share);
      assert.deepEqual(one.share, share);
      assert.deepEqual(secret, copy);
      assert.equal(secret?.constructor, Uint8Array);
      assert.equal(one.share.constructor, Uint8Array);
    });
  }

  test('X25519 refuses every point of low order', () => {
    const [ours, nodes] = pairOf('x25519');
    for (const point of LOW_ORDER) {
      assert.equal(ours.finish(point), undefined);
      assert.equal(nodes.finish(point), undefined);
    }
  });

  test('a hybrid group stays with the platform', () => {
    assert.equal(hasNativeGroup('X25519MLKEM768'), false);
    assert.equal(native.startKeyExchange('X25519MLKEM768').constructor.name, 'HybridExchange');
  });

  test('many keys are kept apart, and closed with their owners', async () => {
    const alive = Array.from({ length: 300 }, () => native.startKeyExchange('x25519'));
    for (let i = 0; i < 5000; i++) native.startKeyExchange('x25519');
    await new Promise((resolve) => setImmediate(resolve));
    for (const exchange of alive) {
      const answer = nodeProvider.answerKeyExchange('x25519', exchange.share);
      assert.deepEqual(exchange.finish(answer?.share ?? new Uint8Array(0)), answer?.secret);
    }
  });
});
