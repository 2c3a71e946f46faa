import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { hostOf as hostOfPeer } from '#lib/endpoint/peer.js';

// Siege case A10.
const USUAL = { ipv4: 32, ipv6: 64 };

function hostOf(address: string, prefixes: typeof USUAL): string {
  return hostOfPeer({ address, family: address.includes(':') ? 'IPv6' : 'IPv4' }, prefixes);
}

suite('the host of an address', () => {
  test('the host is the whole IPv4 address by default', () => {
    assert.equal(hostOf('192.0.2.1', USUAL), hostOf('192.0.2.1', USUAL));
    assert.notEqual(hostOf('192.0.2.1', USUAL), hostOf('192.0.2.2', USUAL));
  });

  test('the host is a /64 of IPv6 by default, in any spelling', () => {
    const host = hostOf('2001:db8:1:2::1', USUAL);
    for (const address of [
      '2001:db8:1:2:ffff:ffff:ffff:ffff',
      '2001:DB8:1:2:0:0:0:9',
      '2001:db8:1:2::192.0.2.7',
    ])
      assert.equal(hostOf(address, USUAL), host, address);
    for (const address of ['2001:db8:1:3::1', '2001:db8:1::2:0:0:1', '::1', '::'])
      assert.notEqual(hostOf(address, USUAL), host, address);
  });

  test('the host of an IPv4-mapped address is the IPv4 address', () => {
    assert.equal(hostOf('::ffff:192.0.2.1', USUAL), hostOf('192.0.2.1', USUAL));
    assert.notEqual(hostOf('::ffff:192.0.2.1', USUAL), hostOf('::ffff:192.0.2.2', USUAL));
  });

  test('the host differs between links', () => {
    assert.equal(hostOf('fe80::1%eth0', USUAL), hostOf('fe80::2%eth0', USUAL));
    assert.notEqual(hostOf('fe80::1%eth0', USUAL), hostOf('fe80::1%eth1', USUAL));
  });

  for (const [bits, same, other] of [
    [48, '2001:db8:1:9::1', '2001:db8:2:2::1'],
    [56, '2001:db8:1:ff::', '2001:db8:1:100::'],
    [16, '2001:aaaa::', '2002::'],
    [127, '2001:db8:1:2::1', '2001:db8:1:2::2'],
    [128, '2001:db8:1:2::', '2001:db8:1:2::1'],
  ] as const) {
    test(`the host is a /${bits} of IPv6 where requested`, () => {
      const prefix = { ipv4: 32, ipv6: bits };
      const host = hostOf('2001:db8:1:2::', prefix);
      assert.equal(hostOf(same, prefix), host);
      assert.notEqual(hostOf(other, prefix), host);
    });
  }

  for (const [bits, same, other] of [
    [24, '203.0.113.255', '203.0.112.9'],
    [8, '203.255.255.255', '204.0.113.9'],
    [31, '203.0.113.8', '203.0.113.10'],
  ] as const) {
    test(`the host is a /${bits} of IPv4 where requested`, () => {
      const prefix = { ipv4: bits, ipv6: 64 };
      assert.equal(hostOf(same, prefix), hostOf('203.0.113.9', prefix));
      assert.notEqual(hostOf(other, prefix), hostOf('203.0.113.9', prefix));
    });
  }

  test('is the address itself where that is not IP', () => {
    for (const address of ['peer', 'fe80::1', '10.0.0.1', 'a:b:c'])
      assert.equal(hostOfPeer({ address, family: 'other' }, { ipv4: 8, ipv6: 16 }), address);
  });
});
