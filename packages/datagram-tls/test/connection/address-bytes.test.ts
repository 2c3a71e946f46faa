import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { readShortAddress, writeShortAddress } from '#lib/connection/address-bytes.js';
import { Reader, Writer } from '#lib/wire/cursor.js';

function written(peer: PeerAddress): Uint8Array {
  const w = new Writer();
  writeShortAddress(w, peer);
  return w.finish();
}

function readBack(peer: PeerAddress): PeerAddress {
  const r = new Reader(written(peer));
  const read = readShortAddress(r);
  assert.ok(r.finished());
  return read;
}

const FAMILIES = ['IPv4', 'IPv6', 'other'] as const;
const port = fc.integer({ min: 0, max: 0xffff });

suite('addresses in few bytes', () => {
  test('an IPv4 address takes 7, an IPv6 address 19', () => {
    assert.equal(written({ address: '192.0.2.1', family: 'IPv4', port: 5684 }).length, 7);
    for (const address of ['2001:db8::1', '::', '::1', '2001:db8::', '1:2:3:4:5:6:7:8', 'fe80::a:0:0:b'])
      assert.equal(written({ address, family: 'IPv6', port: 5684 }).length, 19, address);
  });

  test('texts that the system would write in another way stay what they are', () => {
    const texts = [
      ['010.0.0.1', 'IPv4'],
      ['1.2.3', 'IPv4'],
      ['1.2.3.256', 'IPv4'],
      ['1.2.3.1e1', 'IPv4'],
      ['2001:DB8::1', 'IPv6'],
      ['2001:0db8::1', 'IPv6'],
      ['1:0:0:2:0:0:0:3', 'IPv6'],
      ['1:2:3:4:5:6:7::', 'IPv6'],
      ['::ffff:192.0.2.1', 'IPv6'],
      ['fe80::1%eth0', 'IPv6'],
      ['1::2::3', 'IPv6'],
      ['', 'IPv6'],
      ['a device', 'other'],
      ['\ud800 alone', 'other'],
      ['\ufeffmarked', 'other'],
      ['long '.repeat(20_000), 'other'],
    ] as const;
    for (const [address, family] of texts) {
      const peer = { address, family, port: 1 };
      assert.deepEqual(readBack(peer), peer);
    }
  });

  test('any address comes back as it was', () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(
        text,
        fc.constantFrom(...FAMILIES),
        fc.oneof(port, fc.maxSafeNat()),
        (address, family, number) => {
          const peer = { address, family, port: number };
          assert.deepEqual(readBack(peer), peer);
        },
      ),
    );
  });
});
