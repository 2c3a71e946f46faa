import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { EMPTY } from '#lib/base/bytes.js';
import { nodePasswords } from '#lib/crypto/node-passwords.js';
import { derOf } from '#lib/pkcs12/ber.js';
import { Protection, passphrasesOf } from '#lib/pkcs12/protection.js';
import { readPkcs12 } from '#lib/pkcs12/read.js';
import { oid } from '#lib/x509/der.js';
import { readCertificates } from '#lib/x509/pem.js';
import { STEP } from '../support/long.js';
import { flipped } from '../support/records.js';

const FIXTURES = new URL('../../../test/x509/fixtures/pkcs12/', import.meta.url);

function fixture(file: string): Buffer {
  return readFileSync(new URL(file, FIXTURES));
}

function der(file: string): Buffer {
  return Buffer.from(readCertificates(fixture(file), file)[0] ?? []);
}

function read(file: Uint8Array, passphrase?: string) {
  return readPkcs12(file, passphrase, nodePasswords, 'options.pfx');
}

const WRONG = { code: 'ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE' };
const CODES =
  /^(ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE|ERR_CRYPTO_UNSUPPORTED_OPERATION|ERR_OSSL_ASN1_NESTED_ASN1_ERROR)$/;
/** RC2 is there where OpenSSL's legacy provider is loaded. */
const HAS_RC2 = nodePasswords.hasCipher('rc2-40-cbc');

/** Files that other programs wrote, each with its passphrase. */
const FILES: readonly (readonly [name: string, passphrase: string | undefined])[] = [
  ['openssl', 'secret'],
  ['openssl-other-aes', 'secret'],
  ['openssl-3des', 'secret'],
  ['openssl-2des', 'secret'],
  ['openssl-no-mac', 'secret'],
  ['openssl-open', undefined],
  ['openssl-empty', ''],
  ['openssl-empty', undefined],
  ['openssl-empty-3des', ''],
  ['openssl-unicode-3des', 'grün 🔑'],
  ['java', 'secret'],
  ['gnutls', 'secret'],
  ['nss', 'secret'],
];

suite('files of PKCS#12', () => {
  for (const [name, passphrase] of FILES) {
    test(`${name}.p12 opens with the passphrase ${passphrase === undefined ? 'left out' : `'${passphrase}'`}`, () => {
      const { keys, certificates } = read(fixture(`${name}.p12`), passphrase);
      assert.equal(keys.length, 1);
      const sorted = certificates.map((certificate) => Buffer.from(certificate)).sort((a, b) => a.compare(b));
      const roots = name === 'gnutls' ? [] : ['root.pem'];
      const expected = ['leaf.pem', 'issuer.pem', ...roots].map(der).sort((a, b) => a.compare(b));
      assert.deepEqual(sorted, expected);
    });
  }

  for (const name of ['openssl', 'openssl-3des', 'openssl-no-mac', 'openssl-empty', 'openssl-unicode-3des']) {
    test(`${name}.p12 does not open with a wrong passphrase, and says so`, () => {
      assert.throws(() => read(fixture(`${name}.p12`), 'wrong'), {
        ...WRONG,
        message: /passphrase is wrong/,
      });
    });
  }

  test('a missing passphrase is reported as missing', () => {
    assert.throws(() => read(fixture('openssl.p12')), { ...WRONG, message: /passphrase is missing/ });
  });

  test('RC2 is named where the platform lacks it', { skip: HAS_RC2 && 'this platform has RC2' }, () => {
    assert.throws(() => read(fixture('openssl-rc2.p12'), 'secret'), {
      code: 'ERR_CRYPTO_UNSUPPORTED_OPERATION',
      message: /options\.pfx uses RC2, which this platform does not have/,
    });
  });

  test('RC2 opens where the platform has it', () => {
    const reader = new URL('../../src/pkcs12/read.js', import.meta.url).href;
    const passwords = new URL('../../src/crypto/node-passwords.js', import.meta.url).href;
    const program = `
      const { readPkcs12 } = await import(${JSON.stringify(reader)});
      const { nodePasswords } = await import(${JSON.stringify(passwords)});
      const { readFileSync } = await import('node:fs');
      const file = readFileSync(new URL(${JSON.stringify(new URL('openssl-rc2.p12', FIXTURES).href)}));
      console.log(readPkcs12(file, 'secret', nodePasswords, 'file').certificates.length);`;
    const args = ['--openssl-legacy-provider', '--input-type=module', '--eval', program];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(stdout, '3\n', stderr);
  });

  test('a file with a MAC and any changed byte is refused with a code, or reads the same', () => {
    const file = fixture('openssl.p12');
    const whole = { ...read(file, 'secret') };
    let refused = 0;
    let tried = 0;
    for (let at = 0; at < file.length; at += STEP) {
      tried++;
      try {
        // Parameters of the MAC's hash, of which there are none, are not looked at.
        assert.deepEqual({ ...read(flipped(file, at), 'secret') }, whole);
      } catch (error) {
        assert.match(String((error as { code?: unknown }).code), CODES, `byte ${at}`);
        refused++;
      }
    }
    assert.ok(refused > tried - 4, `${refused} of ${tried}`);
  });

  test('a file that is cut off anywhere is refused', () => {
    const file = fixture('nss.p12');
    for (let to = 0; to < file.length; to += 7) {
      assert.throws(() => read(file.subarray(0, to), 'secret'), { code: 'ERR_OSSL_ASN1_NESTED_ASN1_ERROR' });
    }
  });

  test('too many derivation rounds are refused at once', () => {
    const file = Buffer.from(fixture('openssl.p12'));
    // The rounds of the MAC, 2048, stand at the end.
    const rounds = Buffer.from('02020800', 'hex');
    assert.ok(file.subarray(-4).equals(rounds));
    // Four more bytes in each of the two lengths around them.
    const more = Buffer.concat([file.subarray(0, -4), Buffer.from('02047fffffff', 'hex')]);
    more.writeUInt16BE(more.readUInt16BE(2) + 2, 2);
    const mac = more.lastIndexOf(Buffer.from('30413031', 'hex'));
    more.writeUInt8(0x43, mac + 1);
    assert.throws(() => read(more, 'secret'), { message: /2147483647 rounds/ });
  });

  test('many derivations together may not exceed the limit of one', () => {
    const digest = new Uint8Array(20);
    const crypto = { ...nodePasswords, digest: () => digest };
    const protection = new Protection(crypto, 'options.pfx');
    const sha1 = { id: oid('1.3.14.3.2.26'), parameters: EMPTY };
    const [passphrase = assert.fail()] = passphrasesOf('secret');
    const derive = () => protection.mac(sha1, passphrase, new Uint8Array(8), 4_000_000, EMPTY);
    derive();
    derive();
    const code = 'ERR_CRYPTO_UNSUPPORTED_OPERATION';
    assert.throws(derive, { code, message: /12000000 rounds/ });
  });

  test('hundreds of thousands of elements are read or refused like a few', () => {
    const nulls = new Uint8Array(800_000).map((_, i) => (i % 2 === 0 ? 0x05 : 0));
    const { length } = nulls;
    const header = [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
    const file = Buffer.concat([Uint8Array.of(0x30, ...header), nulls]);
    assert.equal(derOf(file)?.length, file.length);
    assert.throws(() => read(file, 'secret'), { code: 'ERR_OSSL_ASN1_NESTED_ASN1_ERROR' });
    const pieces = nulls.map((byte) => (byte === 0x05 ? 0x04 : 0));
    assert.deepEqual(derOf(Buffer.concat([Uint8Array.of(0x24, ...header), pieces])), Uint8Array.of(4, 0));
  });
});

suite('BER as DER', () => {
  const cases: readonly (readonly [what: string, ber: string, der: string | undefined])[] = [
    ['DER', '3003020105', '3003020105'],
    ['an indefinite length', '30800201050000', '3003020105'],
    ['an octet string in pieces', '24800401aa0402bbcc0000', '0403aabbcc'],
    ['pieces of pieces', '2480240304017704018800 00'.replace(' ', ''), '04027788'],
    ['a length that is not minimal', '308100', '3000'],
    ['a long length', `30820080047e${'00'.repeat(126)}`, `308180047e${'00'.repeat(126)}`],
    ['nothing', '', undefined],
    ['a tag alone', '30', undefined],
    ['a length beyond the end', '300402', undefined],
    ['an indefinite length without an end', '3080020105', undefined],
    ['an indefinite length of a primitive', '04800000', undefined],
    ['a piece that is no octet string', '2403020105', undefined],
    ['bytes behind it', '300000', undefined],
    ['a child that reaches out of it', '30020405', undefined],
    ['nesting without end', '3080'.repeat(1000), undefined],
    ['a length of five bytes', '30850000000000', undefined],
  ];
  for (const [what, ber, expected] of cases) {
    test(`${what}: ${expected === undefined ? 'refused' : 'read'}`, () => {
      const result = derOf(Buffer.from(ber, 'hex'));
      assert.equal(result && Buffer.from(result).toString('hex'), expected);
    });
  }
});
