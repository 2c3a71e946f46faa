import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { writeEpochAndSequence } from '#lib/base/sequence.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { writePlainHeader } from '#lib/record/header.js';
import { RecordReader12 } from '#lib/record/protect12.js';
import { aeadSuite } from '../support/suites.js';
import { bytes, protectionOf, received, sealed } from './protections.js';

const gcm = aeadSuite('ECDHE-ECDSA-AES128-GCM-SHA256');
const protection = protectionOf(gcm);

suite('records of DTLS 1.2', () => {
  test('the header names version 1.2, the epoch and the sequence number', () => {
    const record = sealed(protection.writer({ epoch: 0x0102, sequence: 0x0a0b0c0d0e0f }), bytes(2), 22);
    assert.deepEqual(
      record.slice(0, 13),
      Uint8Array.of(22, 0xfe, 0xfd, 1, 2, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0, 8 + 2 + 16),
    );
  });

  test('the explicit nonce of GCM is epoch and sequence number', () => {
    const record = sealed(protection.writer({ epoch: 0x0102, sequence: 0x0a0b0c0d0e0f }), bytes(2));
    assert.deepEqual(record.slice(13, 21), record.slice(3, 11));
  });

  test('a peer may choose its explicit nonces freely', () => {
    const keys = { key: bytes(16), iv: bytes(4) };
    const chosen = bytes(8, 9);
    const record = new Uint8Array(13 + 8 + 3 + 16);
    writePlainHeader(record, 0, 23, 0xfefd, 1, 5, 8 + 3 + 16);
    record.set(chosen, 13);
    const aad = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 23, 0xfe, 0xfd, 0, 3);
    writeEpochAndSequence(aad, 0, 1, 5);
    const nonce = Uint8Array.of(...keys.iv, ...chosen);
    nodeProvider.aead('aes-128-gcm', keys.key).seal(nonce, aad, bytes(3, 4), record, 21);
    assert.deepEqual(received(new RecordReader12(nodeProvider, gcm, 1, keys), record).result, bytes(3, 4));
  });

  test('a protected record with version DTLS 1.0 is discarded', () => {
    const record = sealed(protection.writer(), bytes(2));
    record[2] = 0xff;
    assert.equal(received(protection.reader(), record).result, 'bad_version');
  });
});
