import assert from 'node:assert/strict';
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { fromHex } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { prf12 } from '#lib/keys/prf12.js';

suite('the provider over node:crypto', () => {
  test('a hash continues after a digest', () => {
    const hash = nodeProvider.hash('sha384');
    hash.update(Uint8Array.of(1));
    assert.deepEqual(hash.digest(), digest('sha384', [1]));
    assert.deepEqual(hash.digest(), digest('sha384', [1]));
    hash.update(Uint8Array.of(2, 3));
    assert.deepEqual(hash.digest(), digest('sha384', [1, 2, 3]));
  });

  test('a MAC over parts is the MAC over the whole', () => {
    const key = Uint8Array.of(7, 8, 9);
    const mac = nodeProvider.mac('sha256', key);
    const expected = new Uint8Array(
      createHmac('sha256', key)
        .update(Uint8Array.of(1, 2, 3))
        .digest(),
    );
    assert.deepEqual(mac.sign(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)), expected);
    assert.deepEqual(mac.sign(Uint8Array.of(1, 2, 3)), expected);
  });

  test('the PRF of a MAC key is what its HMACs make, of any length', () => {
    for (const name of ['sha256', 'sha384', 'sha512'] as const) {
      const secret = Uint8Array.from({ length: 48 }, (_, i) => i);
      const mac = nodeProvider.mac(name, secret);
      const single = { sign: (...parts: Uint8Array[]) => mac.sign(...parts) };
      for (const length of [1, 12, 31, 32, 33, 48, 64, 65, 104, 200])
        for (const seed of [1, 64, 1700, 3000])
          assert.deepEqual(
            prf12(mac, 'key expansion', length, secret, new Uint8Array(seed)),
            prf12(single, 'key expansion', length, secret, new Uint8Array(seed)),
            `${name}, ${length} bytes of a seed of ${seed}`,
          );
    }
  });

  test('a MAC key may be empty, as the first salt of a key schedule is', () => {
    const expected = new Uint8Array(createHmac('sha256', '').update('x').digest());
    assert.deepEqual(nodeProvider.mac('sha256', new Uint8Array(0)).sign(Uint8Array.of(0x78)), expected);
  });

  test('HKDF-Expand gives the output of RFC 5869, test case 1', () => {
    const prk = fromHex('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
    const info = fromHex('f0f1f2f3f4f5f6f7f8f9');
    assert.ok(prk !== undefined && info !== undefined);
    assert.deepEqual(
      nodeProvider.hkdfExpand('sha256', prk, info, 42),
      fromHex('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865'),
    );
  });

  test('random bytes have the requested length, differ, and belong to the caller', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 1000; i++) {
      const length = 16 + (i % 400);
      const bytes = nodeProvider.randomBytes(length);
      assert.equal(bytes.length, length);
      assert.equal(bytes.buffer.byteLength, length);
      seen.add(bytes.subarray(0, 16).join());
    }
    assert.equal(seen.size, 1000);
  });

  test('secrets are equal when their length and every byte are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        assert.equal(nodeProvider.equal(a, a.slice()), true);
        assert.equal(nodeProvider.equal(a, b), a.join() === b.join());
      }),
    );
  });

  test('the core never gets a Buffer', () => {
    const exchange = nodeProvider.startKeyExchange('x25519');
    const aead = nodeProvider.aead('aes-128-gcm', new Uint8Array(16));
    const sealed = new Uint8Array(20);
    aead.seal(new Uint8Array(12), new Uint8Array(0), new Uint8Array(4), sealed, 0);
    for (const bytes of [
      nodeProvider.hash('sha256').digest(),
      nodeProvider.mac('sha256', sealed).sign(),
      nodeProvider.hkdfExpand('sha256', sealed, sealed, 40),
      aead.open(new Uint8Array(12), new Uint8Array(0), sealed),
      exchange.share,
      nodeProvider.answerKeyExchange('secp256r1', nodeProvider.startKeyExchange('secp256r1').share)?.secret,
      nodeProvider.randomBytes(3),
    ]) {
      assert.equal(bytes?.constructor, Uint8Array);
    }
  });

  test('an AEAD seals in place and opens text of any length without throwing', () => {
    const aead = nodeProvider.aead('chacha20-poly1305', new Uint8Array(32));
    const nonce = new Uint8Array(12);
    const buffer = Uint8Array.of(9, 1, 2, 3, ...new Uint8Array(16));
    aead.seal(nonce, nonce, buffer.subarray(1, 4), buffer, 1);
    assert.equal(buffer[0], 9);
    assert.deepEqual(aead.open(nonce, nonce, buffer.subarray(1)), Uint8Array.of(1, 2, 3));
    for (let length = 0; length < 19; length++) {
      assert.equal(aead.open(nonce, nonce, buffer.subarray(1, 1 + length)), undefined);
    }
  });

  test('an AEAD keeps its key however many texts it serves, and whatever becomes of the bytes that it came from', () => {
    for (const [name, length] of [
      ['aes-128-gcm', 16],
      ['aes-256-gcm', 32],
      ['chacha20-poly1305', 32],
    ] as const) {
      const key = counting(length);
      const aead = nodeProvider.aead(name, key);
      assert.deepEqual(key, counting(length), 'the caller keeps its bytes');
      key.fill(0);
      for (let i = 0; i < 6; i++) {
        const nonce = new Uint8Array(12).fill(i);
        // What another key has been lent meanwhile does no harm.
        nodeProvider.aead(name, new Uint8Array(length)).seal(nonce, nonce, nonce, new Uint8Array(28), 0);
        const sealed = new Uint8Array(28);
        aead.seal(nonce, nonce, nonce, sealed, 0);
        // At run time it is one interface for all.
        const cipher = createCipheriv(name as 'aes-128-gcm', counting(length), nonce, { authTagLength: 16 });
        cipher.setAAD(nonce);
        const expected = [...cipher.update(nonce), ...cipher.final(), ...cipher.getAuthTag()];
        assert.deepEqual([...sealed], expected, `${name}, text ${i}`);
        assert.deepEqual(nodeProvider.aead(name, counting(length)).open(nonce, nonce, sealed), nonce);
      }
    }
  });

  test('record number masks are those of RFC 9001, appendix A', () => {
    const aes = nodeProvider.recordNumberMask('aes-128-gcm', hex('9f50449e04a0e810283a1e9933adedd2'));
    assert.deepEqual(firstTwo(aes.mask(hex('d1b1c98dd7689fb8ec11d242b123dc9b'))), [0x43, 0x7b]);
    const chacha = nodeProvider.recordNumberMask(
      'chacha20-poly1305',
      hex('25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4'),
    );
    assert.deepEqual(firstTwo(chacha.mask(hex('5e5cd55c41f69080575d7999c25a5bfb'))), [0xae, 0xfe]);
  });
});

function digest(name: string, data: number[]): Uint8Array {
  return new Uint8Array(createHash(name).update(Uint8Array.from(data)).digest());
}

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  assert.ok(bytes);
  return bytes;
}

function firstTwo(mask: Uint8Array): number[] {
  return Array.from(mask.subarray(0, 2));
}

/** 1, 2, 3, … */
function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i + 1);
}
