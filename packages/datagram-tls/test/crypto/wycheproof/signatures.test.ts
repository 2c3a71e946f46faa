import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { nativeProvider } from '#lib/crypto/node-native-layer.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import type { SchemeName } from '#lib/wire/codes.js';
import {
  hex,
  judge,
  needsWycheproof,
  type Vector,
  type WycheproofFile,
  which,
  wycheproof,
} from './vectors.js';

interface SignatureGroup {
  readonly publicKeyDer: string;
}

interface SignatureVector extends Vector {
  readonly msg: string;
  readonly sig: string;
}

const FILES: readonly [WycheproofFile, SchemeName, number][] = [
  ['ecdsa_secp256r1_sha256', 'ecdsa_secp256r1_sha256', 484],
  ['ecdsa_secp384r1_sha384', 'ecdsa_secp384r1_sha384', 504],
  ['ed25519', 'ed25519', 151],
  ['rsa_pss_2048_sha256_mgf1_32', 'rsa_pss_rsae_sha256', 108],
  ['rsa_signature_2048_sha256', 'rsa_pkcs1_sha256', 259],
];

suite('signatures against Wycheproof', () => checkAll(nodeProvider));
suite('native signatures against Wycheproof', { skip: nativeFailure() ?? false }, () =>
  checkAll(nativeProvider(nodeProvider)),
);

function checkAll(provider: CryptoProvider): void {
  for (const [file, scheme, count] of FILES) {
    test(`${scheme} verifies valid Wycheproof signatures only`, needsWycheproof(file), () => {
      let judged = 0;
      for (const { publicKeyDer, tests } of wycheproof<SignatureGroup, SignatureVector>(file)) {
        const key = provider.importPublicKey(hex(publicKeyDer));
        assert.ok(key, `${publicKeyDer} was not read`);
        for (const vector of tests) {
          const verified = provider.verify(scheme, key, hex(vector.msg), hex(vector.sig));
          judged += judge(vector, verified);
          assert.equal(typeof verified, 'boolean', which(vector));
        }
      }
      assert.equal(judged, count);
    });
  }
}
