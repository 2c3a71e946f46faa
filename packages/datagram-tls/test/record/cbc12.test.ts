import assert from 'node:assert/strict';
import { createCipheriv, createHmac } from 'node:crypto';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { CbcReader12, CbcWriter12 } from '#lib/record/protect12.js';
import { CBC_SUITES } from '../support/suites.js';
import { bytes, received, sealed } from './protections.js';

const of = CBC_SUITES[0] ?? assert.fail();
const keys = { key: bytes(16, 1), mac: bytes(32, 2) };
const IV = bytes(16, 3);
const HEADER = 13;

function reader(provider = nodeProvider): CbcReader12 {
  return new CbcReader12(provider, of, 1, keys);
}

function writer(provider = nodeProvider): CbcWriter12 {
  return new CbcWriter12(provider, of, 1, keys);
}

/** A record of epoch 1 made from RFC 7366's figure with these bytes, padding included, as what is encrypted. */
function build(blocks: Uint8Array, sequence = 0): Uint8Array {
  const cipher = createCipheriv('aes-128-cbc', keys.key, IV).setAutoPadding(false);
  const sealedBytes = concat(IV, cipher.update(blocks), cipher.final());
  const number = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, sequence);
  const mac = createHmac('sha256', keys.mac)
    .update(concat(number, Uint8Array.of(23, 0xfe, 0xfd), u16(sealedBytes.length), sealedBytes))
    .digest();
  const length = u16(sealedBytes.length + mac.length);
  return concat(Uint8Array.of(23, 0xfe, 0xfd), number, length, sealedBytes, mac);
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

/** A text behind which there are as many bytes of padding as its last one says, and that one. */
function withPadding(text: Uint8Array, others: number): Uint8Array {
  return concat(text, new Uint8Array(others + 1).fill(others));
}

suite('records under AES-CBC with encrypt-then-MAC', () => {
  test('a CBC record is built as RFC 7366 says', () => {
    const provider: CryptoProvider = { ...nodeProvider, randomBytes: () => IV };
    assert.deepEqual(sealed(writer(provider), bytes(20)), build(withPadding(bytes(20), 11)));
  });

  test('padding is accepted up to its maximum of 255 bytes and the length byte', () => {
    for (let others = 15; others <= 255; others += 16) {
      assert.deepEqual(received(reader(), build(withPadding(bytes(32), others))).result, bytes(32));
      assert.deepEqual(received(reader(), build(withPadding(bytes(0), others))).result, bytes(0));
    }
  });

  test('wrong padding under a valid MAC is discarded', () => {
    const good = withPadding(bytes(16), 15);
    for (let at = 16; at < 31; at++) {
      const blocks = good.slice();
      blocks[at] = 14;
      assert.equal(received(reader(), build(blocks)).result, 'bad_record', `byte ${at}`);
    }
    for (const last of [32, 200, 255]) {
      const blocks = withPadding(bytes(16), 15);
      blocks[31] = last;
      assert.equal(received(reader(), build(blocks)).result, 'bad_record', `${last} bytes of padding`);
    }
    assert.equal(received(reader(), build(new Uint8Array(32).fill(32))).result, 'bad_record');
  });

  test('the MAC is checked before anything is decrypted', () => {
    let decrypted = 0;
    const provider: CryptoProvider = {
      ...nodeProvider,
      aesCbc: (key) => {
        const real = nodeProvider.aesCbc(key);
        const decrypt = (iv: Uint8Array, text: Uint8Array) => {
          decrypted++;
          return real.decrypt(iv, text);
        };
        return { encrypt: (...args) => real.encrypt(...args), decrypt };
      },
    };
    const record = sealed(writer(), bytes(40));
    for (let at = HEADER; at < record.length; at++) {
      const forged = record.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      assert.equal(received(reader(provider), forged).result, 'bad_record');
    }
    assert.equal(decrypted, 0);
    assert.deepEqual(received(reader(provider), record).result, bytes(40));
    assert.equal(decrypted, 1);
  });

  test('text that is not whole blocks is discarded, at every length', () => {
    const record = build(withPadding(bytes(60), 3));
    for (let length = HEADER + 64; length < record.length; length++) {
      const cut = record.slice(0, length);
      cut.set(u16(length - HEADER), HEADER - 2);
      assert.equal(received(reader(), cut).result, 'bad_record', `${length} bytes`);
    }
  });

  test('every CBC record has its own IV, from the provider', () => {
    const given: string[] = [];
    const provider: CryptoProvider = {
      ...nodeProvider,
      randomBytes: (length) => {
        const random = nodeProvider.randomBytes(length);
        given.push(hex(random));
        return random;
      },
    };
    const by = writer(provider);
    const used = Array.from({ length: 100 }, () => hex(sealed(by, bytes(5)).subarray(HEADER, HEADER + 16)));
    assert.deepEqual(used, given);
    assert.equal(new Set(used).size, 100);
  });

  test('CBC keys are imported once per epoch', () => {
    let imported = 0;
    const provider: CryptoProvider = {
      ...nodeProvider,
      aesCbc: (key) => {
        imported++;
        return nodeProvider.aesCbc(key);
      },
      mac: (hash, key) => {
        imported++;
        return nodeProvider.mac(hash, key);
      },
    };
    const [by, to] = [writer(provider), reader(provider)];
    for (let i = 0; i < 10; i++) assert.deepEqual(received(to, sealed(by, bytes(9))).result, bytes(9));
    assert.equal(imported, 4);
  });
});

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString('hex');
}
