import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import tls from 'node:tls';
import fc from 'fast-check';
import { toHex } from '#lib/base/bytes.js';
import { parseCertificate } from '#lib/x509/certificate.js';
import { DerReader } from '#lib/x509/der.js';
import { KeyUsage } from '#lib/x509/extensions.js';
import { readCertificates } from '#lib/x509/pem.js';
import { readTime } from '#lib/x509/time.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { commonName, encodeCertificate, extension, type Shape, text, tlv } from './encode.js';
import { certificate, der, names, parsed, pem } from './pki.js';

const spki = certificate('root').spki;
const base: Shape = { subject: 'S', issuer: 'I', spki, serial: 1 };
const encode = (shape: Partial<Shape>) => encodeCertificate({ ...base, ...shape }, () => new Uint8Array(8));

suite('certificates', () => {
  test('all fixtures read as node:crypto reads them', () => {
    for (const name of names) {
      const ours = certificate(name);
      const theirs = new X509Certificate(pem(name));
      assert.equal(ours.notBefore, Date.parse(theirs.validFrom), name);
      assert.equal(ours.notAfter, Date.parse(theirs.validTo), name);
      assert.equal(toHex(ours.serial), theirs.serialNumber.toLowerCase(), name);
      const { basicConstraints, keyUsage = KeyUsage.keyCertSign } = ours.extensions;
      const isCa = basicConstraints?.ca === true && (keyUsage & KeyUsage.keyCertSign) !== 0;
      assert.equal(isCa, theirs.ca, name);
      assert.deepEqual(
        Buffer.from(ours.spki),
        theirs.publicKey.export({ format: 'der', type: 'spki' }),
        name,
      );
    }
  });

  test("all certificates of Node's default store can be read, with keys and dates", () => {
    const store = TrustStore.fromDer(tls.rootCertificates.flatMap((root) => readCertificates(root, 'root')));
    assert.equal(store.size, tls.rootCertificates.length);
    for (const root of tls.rootCertificates) {
      const [bytes] = readCertificates(root, 'root');
      const ours = parsed(bytes as Uint8Array);
      const theirs = new X509Certificate(root);
      assert.equal(ours.notAfter, Date.parse(theirs.validTo));
      assert.equal(ours.key.bits, theirs.publicKey.asymmetricKeyDetails?.modulusLength ?? ours.key.bits);
      assert.ok(ours.key.type !== undefined && store.has(ours), ours.subject.text);
    }
  });

  test('certificate extensions are read', () => {
    const { extensions, subject } = certificate('leaf');
    assert.deepEqual(extensions.subjectAltName?.dns, ['www.example.com', 'example.com']);
    assert.equal(extensions.keyUsage, KeyUsage.digitalSignature);
    assert.equal(extensions.extendedKeyUsage?.size, 1);
    assert.deepEqual(extensions.authorityKeyId?.keyId, certificate('root').extensions.subjectKeyId);
    assert.equal(certificate('root').extensions.keyUsage, KeyUsage.keyCertSign | KeyUsage.cRLSign);
    assert.equal(certificate('int-len0').extensions.basicConstraints?.pathLength, 0);
    assert.deepEqual(subject.commonNames, ['www.example.com']);
  });

  test('a parsed certificate has its own copy of the bytes', () => {
    const bytes = der('leaf');
    const before = parsed(bytes);
    bytes.fill(0);
    assert.deepEqual(before.der, der('leaf'));
  });
});

suite('malformed certificates', () => {
  test('a certificate with any truncation or trailing byte is refused', () => {
    const whole = der('leaf-int');
    for (let length = 0; length < whole.length; length++) {
      assert.equal(parseCertificate(whole.subarray(0, length)), undefined, `${length} bytes`);
    }
    assert.equal(parseCertificate(Uint8Array.from([...whole, 0])), undefined);
  });

  test('a certificate with any changed byte never throws and parses harmlessly', () => {
    for (const name of [
      'leaf',
      'int-nc-directory',
      'san-int-nc-directory',
      'int-pss',
      'leaf-rsa-key',
      'name-ip',
    ]) {
      const whole = der(name);
      for (let at = 0; at < whole.length; at++) {
        for (const mask of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
          const changed = whole.slice();
          changed[at] = (changed[at] as number) ^ mask;
          const read = parseCertificate(changed);
          if (read !== undefined) use(read);
        }
      }
    }
  });

  test('arbitrary bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(600), (junk, at) => {
        parseCertificate(junk);
        const spliced = der('leaf-int');
        spliced.set(junk.subarray(0, Math.max(0, spliced.length - at)), Math.min(at, spliced.length));
        const read = parseCertificate(spliced);
        if (read !== undefined) use(read);
      }),
    );
  });

  /** Reads what is decoded late. */
  function use({ subject, issuer }: ReturnType<typeof certificate>): void {
    for (const name of [subject, issuer]) {
      const late = [name.text, name.key, ...name.commonNames, ...(name.emailAddresses ?? [])];
      assert.ok(late.every((value) => typeof value === 'string'));
    }
  }

  const bodies: readonly (readonly [what: string, shape: Partial<Shape>])[] = [
    ['an extension twice', { ca: true, extensions: [extension(0x13, tlv(0x30))] }],
    ['extensions in version 2', { ca: true, version: 1 }],
    ['a version that is not known', { version: 3 }],
    ['a BOOLEAN that is neither 00 nor ff', { extensions: [extension(0x13, tlv(0x30, tlv(0x01, [1])))] }],
    ['a BOOLEAN of two bytes', { extensions: [extension(0x13, tlv(0x30, tlv(0x01, [255, 255])))] }],
    [
      'a negative path length',
      { extensions: [extension(0x13, tlv(0x30, tlv(0x01, [255]), tlv(0x02, [255])))] },
    ],
    ['a path length of five bytes', { extensions: [extension(0x13, tlv(0x30, tlv(0x02, [1, 0, 0, 0, 0])))] }],
    ['bytes after basic constraints', { extensions: [extension(0x13, tlv(0x30, tlv(0x04, [])))] }],
    [
      'bytes after an extension value',
      { extensions: [extension(0x13, Uint8Array.from([0x30, 0, 0x05, 0]))] },
    ],
    ['an indefinite length', { extensions: [extension(0x13, Uint8Array.from([0x30, 0x80, 0, 0]))] }],
    ['a length that is not minimal', { extensions: [extension(0x13, Uint8Array.from([0x30, 0x81, 0]))] }],
    ['a length past the end', { extensions: [extension(0x13, Uint8Array.from([0x30, 4, 1, 1]))] }],
    ['an alternative name of an unknown form', { extensions: [extension(0x11, tlv(0x30, tlv(0x89, [1])))] }],
    ['an empty relative name', { subjectName: tlv(0x30, tlv(0x31)) }],
    ['a padded integer', { extensions: [extension(0x13, tlv(0x30, tlv(0x01, [255]), tlv(0x02, [0, 1])))] }],
    ['key usage without bits', { extensions: [extension(0x0f, tlv(0x03))] }],
    [
      'an unfinished object identifier',
      { extensions: [extension(0x25, tlv(0x30, tlv(0x06, [0x2b, 0x86])))] },
    ],
  ];
  for (const [what, shape] of bodies) {
    test(`a certificate with ${what} is refused`, () =>
      assert.equal(parseCertificate(encode(shape)), undefined));
  }

  test('the certificate without these faults is accepted', () => {
    assert.ok(parseCertificate(encode({ ca: true })));
  });
});

suite('validity times', () => {
  const read = (tag: number, value: string) => {
    const reader = new DerReader(text(tag, value));
    const time = readTime(reader);
    return reader.finished() ? time : undefined;
  };

  test('every moment reads as Date reads it', () => {
    const moments = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
    fc.assert(
      fc.property(moments, (date) => {
        const digits = date.toISOString().replace(/[-T:]|\..*/g, '');
        const seconds = Math.floor(date.getTime() / 1000) * 1000;
        assert.equal(read(0x18, `${digits}Z`), seconds);
        const year = date.getUTCFullYear();
        if (year < 2050) assert.equal(read(0x17, `${digits.slice(2)}Z`), seconds);
      }),
    );
  });

  test('the two-digit years run from 1950 to 2049', () => {
    assert.equal(read(0x17, '500101000000Z'), Date.UTC(1950, 0));
    assert.equal(read(0x17, '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59));
  });

  for (const value of [
    '20230229000000Z',
    '21000229000000Z',
    '20231301000000Z',
    '20230100000000Z',
    '20230101240000Z',
    '20230101006000Z',
    '20230101000060Z',
    '202301010000Z',
    '20230101000000.5Z',
    '20230101000000+0100',
    '20230101000000',
    '00000101000000Z',
  ]) {
    test(`${value} is not a time`, () => assert.equal(read(0x18, value), undefined));
  }
});

suite('distinguished names', () => {
  const name = (value: string, tag?: number) =>
    parsed(encode({ subjectName: commonName(value, tag) })).subject;

  test('names compare regardless of case, white space and string type', () => {
    assert.ok(name('Example  CA ').equals(name('example ca', 0x13)));
    assert.ok(name('Example CA', 0x16).equals(name('EXAMPLE CA', 0x14)));
    assert.ok(!name('Example CA').equals(name('ExampleCA')));
  });

  test('only ASCII letters are compared without case', () => {
    assert.ok(!name('Ä').equals(name('ä')));
  });

  test('names in text keep control characters and separators visible', () => {
    assert.equal(certificate('root').subject.text, 'C=AQ, O=Example, CN=Root');
    assert.equal(name('a\nb, CN=c').text, 'CN=a\\u{a}b\\, CN\\=c');
  });
});
