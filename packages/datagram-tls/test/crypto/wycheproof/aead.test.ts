import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import type { AeadName, CryptoProvider } from '#lib/crypto/provider.js';
import { hex, needsWycheproof, type Vector, type WycheproofFile, which, wycheproof } from './vectors.js';

interface AeadGroup {
  readonly ivSize: number;
  readonly keySize: number;
  readonly tagSize: number;
}

interface AeadVector extends Vector {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

/** Name, file, and sizes in bits of what the protocol uses: all nonces have 96. */
const AEADS: readonly [AeadName, WycheproofFile, number, number, number][] = [
  ['aes-128-gcm', 'aes_gcm', 128, 128, 40],
  ['aes-256-gcm', 'aes_gcm', 256, 128, 40],
  ['chacha20-poly1305', 'chacha20_poly1305', 256, 128, 300],
  ['aes-128-ccm', 'aes_ccm', 128, 128, 40],
  ['aes-256-ccm', 'aes_ccm', 256, 128, 40],
  ['aes-128-ccm-8', 'aes_ccm', 128, 64, 8],
  ['aes-256-ccm-8', 'aes_ccm', 256, 64, 8],
];

const native = layerProvider(nodeProvider, nativeLayer(nodeProvider));

suite('AEADs against Wycheproof', () => checkAll(nodeProvider));
suite('native AEADs against Wycheproof', { skip: nativeFailure() ?? false }, () => checkAll(native));

function checkAll(provider: CryptoProvider): void {
  for (const [name, file, keySize, tagSize, least] of AEADS) {
    test(`${name} seals and opens the Wycheproof vectors correctly`, needsWycheproof(file), () => {
      const groups = wycheproof<AeadGroup, AeadVector>(file).filter(
        (group) => group.ivSize === 96 && group.keySize === keySize && group.tagSize === tagSize,
      );
      const vectors = groups.flatMap((group) => group.tests);
      assert.ok(vectors.length >= least, `${vectors.length} vectors fit`);
      for (const vector of vectors) check(provider, name, vector);
    });
  }
}

function check(provider: CryptoProvider, name: AeadName, vector: AeadVector): void {
  const aead = provider.aead(name, hex(vector.key));
  const [nonce, aad, message] = [hex(vector.iv), hex(vector.aad), hex(vector.msg)];
  const sealed = concat(hex(vector.ct), hex(vector.tag));
  const out = new Uint8Array(message.length + aead.tagLength);
  aead.seal(nonce, aad, message, out, 0);
  const opened = aead.open(nonce, aad, sealed);
  if (vector.result === 'valid') {
    assert.deepEqual(out, sealed, which(vector));
    assert.deepEqual(opened, message, which(vector));
  } else {
    assert.notDeepEqual(out, sealed, which(vector));
    assert.equal(opened, undefined, which(vector));
  }
}
