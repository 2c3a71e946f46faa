import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '#lib/base/bytes.js';
import { parseIp } from '#lib/x509/general-names.js';
import { verifyName } from '#lib/x509/names.js';
import { encodeCertificate } from './encode.js';
import { certificate, parsed } from './pki.js';

function holding(...dns: string[]) {
  const { spki } = certificate('root');
  return parsed(
    encodeCertificate({ subject: 'x', issuer: 'x', spki, serial: 1, dns }, () => new Uint8Array(8)),
  );
}

suite('IP address literals', () => {
  const forms: readonly (readonly [literal: string, bytes: string])[] = [
    ['192.0.2.1', 'c0000201'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:DB8::a', '20010db800000000000000000000000a'],
    ['2001:db8:0:0:0:0:0:a', '20010db800000000000000000000000a'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
  ];
  for (const [literal, bytes] of forms) {
    test(`${literal} is the address ${bytes}`, () =>
      assert.equal(toHex(parseIp(literal) ?? new Uint8Array()), bytes));
  }

  test('a literal is an address exactly where node:net says so', () => {
    const part = fc.constantFrom(
      '0',
      '1',
      '::',
      ':',
      '.',
      '255',
      '256',
      'ffff',
      'fffff',
      '192.0.2.1',
      '01',
      'g',
      '%',
      'x',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        assert.equal(parseIp(text) !== undefined, isIP(text) !== 0, text);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => assert.ok(parseIp(text), text)));
  });
});

suite('host names', () => {
  test('a wildcard matches one whole label', () => {
    assert.equal(verifyName(holding('*.example.com'), 'a.example.com'), undefined);
    for (const host of ['example.com', '.example.com', 'a.b.example.com', 'aexample.com', '*.example.com']) {
      assert.equal(verifyName(holding('*.example.com'), host), 'HOSTNAME_MISMATCH', host);
    }
  });

  test('other patterns match nothing', () => {
    for (const pattern of [
      '*',
      '*.com',
      '*.*.com',
      'a*.example.com',
      'a.*.com',
      '*.',
      '.example.com',
      '*.example.com.',
      '',
    ]) {
      for (const host of ['a.example.com', 'example.com', 'a.b.com', 'com', 'a']) {
        assert.equal(verifyName(holding(pattern), host), 'HOSTNAME_MISMATCH', `${pattern} for ${host}`);
      }
    }
  });

  test('a NUL does not end a name', () => {
    assert.equal(
      verifyName(holding('www.example.com\0.example.org'), 'www.example.com'),
      'HOSTNAME_MISMATCH',
    );
  });

  test('a text that cannot be a host name matches nothing, not even itself', () => {
    for (const host of [
      '',
      '.',
      'a..b',
      '-a.example',
      'a b',
      'a/b',
      'bü/cher.example',
      'user@ü.example',
      'ü.example:443',
    ]) {
      assert.equal(verifyName(holding(host), host), 'HOSTNAME_MISMATCH', host);
    }
  });

  test('digits in other scripts do not become an address', () => {
    assert.equal(verifyName(holding('192.0.2.1'), '１９２.0.2.1'), 'HOSTNAME_MISMATCH');
  });

  test('common names do not count beside a dNSName', () => {
    assert.equal(verifyName(certificate('name-wildcard'), 'ignored.example.org'), 'HOSTNAME_MISMATCH');
    assert.equal(verifyName(certificate('name-cn'), 'cn.example.com'), undefined);
  });
});
