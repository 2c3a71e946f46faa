import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { suite, test } from 'node:test';
import { fromBase64, utf8 } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { KNOWN_KEYS, KNOWN_SIGNATURES, SIGNED_TEXT } from '#lib/crypto/node-known-answers.js';
import type { AeadName, HashName, KeyType } from '#lib/crypto/provider.js';
import { SIGNATURE_SCHEMES } from '#lib/crypto/signatures.js';
import { SUITES } from '#lib/crypto/suites.js';
import { Group, type GroupName, type SchemeName } from '#lib/wire/codes.js';

// Siege case E1.

const { capabilities } = nodeProvider;

suite('what stock Node has', () => {
  test('stock Node supports every AEAD, and the record number encryption of each', () => {
    for (const { aead } of SUITES) {
      if (aead === undefined) continue;
      assert.ok(capabilities.aead(aead), aead);
      assert.ok(capabilities.recordNumberMask(aead), aead);
    }
    assert.ok(capabilities.aesCbc());
  });

  test('stock Node supports every hash and every group', () => {
    for (const name of ['sha1', 'sha256', 'sha384', 'sha512'] as const)
      assert.ok(capabilities.hash(name), name);
    for (const group of Object.keys(Group) as GroupName[]) assert.ok(capabilities.group(group), group);
  });

  for (const { name, keyTypes12 } of SIGNATURE_SCHEMES) {
    test(`stock Node supports ${name} with ${keyTypes12.join(', ')}, and with no other key`, () => {
      for (const type of Object.keys(KNOWN_KEYS) as KeyType[])
        assert.equal(capabilities.signature(name, type), keyTypes12.includes(type), type);
    });
  }

  test('a name that does not exist is not supported', () => {
    assert.equal(capabilities.aead('aes-128-ocb' as AeadName), false);
    assert.equal(capabilities.hash('sha0' as HashName), false);
    assert.equal(capabilities.group('secp112r1' as GroupName), false);
    assert.equal(capabilities.signature('sha1' as SchemeName, 'rsa'), false);
  });
});

suite('the known answers', () => {
  for (const [type, signatures] of Object.entries(KNOWN_SIGNATURES) as [
    KeyType,
    Record<SchemeName, string>,
  ][]) {
    test(`known answers for ${type} are signatures by its key over that text only`, () => {
      const spki = fromBase64(KNOWN_KEYS[type]) ?? assert.fail();
      assert.equal(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).type, 'public');
      const key = nodeProvider.importPublicKey(spki) ?? assert.fail();
      assert.equal(key.type, type);
      for (const [name, text] of Object.entries(signatures) as [SchemeName, string][]) {
        const signature = fromBase64(text) ?? assert.fail();
        assert.ok(nodeProvider.verify(name, key, utf8(SIGNED_TEXT), signature), name);
        assert.ok(!nodeProvider.verify(name, key, utf8(`${SIGNED_TEXT}.`), signature), name);
      }
    });
  }
});
