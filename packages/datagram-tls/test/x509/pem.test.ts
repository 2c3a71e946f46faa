import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { toHex } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { alertForCode } from '#lib/x509/codes.js';
import { readCertificates } from '#lib/x509/pem.js';
import { matchesPin, parsePin } from '#lib/x509/pins.js';
import { certificate, der, pem } from './pki.js';

suite('certificates in PEM', () => {
  test('several PEM blocks are read in order, with text around them', () => {
    const text = `Bag Attributes\r\n${pem('leaf')}\nsome text -- here\n${pem('int').replaceAll('\n', '\r\n')}`;
    assert.deepEqual(readCertificates(text, 'cert'), [der('leaf'), der('int')]);
    assert.deepEqual(readCertificates(new TextEncoder().encode(text), 'cert'), [der('leaf'), der('int')]);
  });

  test('DER is copied unchanged', () => {
    const bytes = der('leaf');
    const [copy] = readCertificates(bytes, 'cert');
    assert.deepEqual(copy, bytes);
    assert.notEqual(copy, bytes);
  });

  test('other PEM blocks are skipped', () => {
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
    assert.deepEqual(readCertificates(key + pem('leaf'), 'cert'), [der('leaf')]);
  });

  const damaged: readonly (readonly [what: string, text: string, code: string, message: RegExp])[] = [
    ['nothing', '', 'ERR_OSSL_PEM_NO_START_LINE', /^options\.ca holds no certificate/],
    [
      'a key',
      '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----',
      'ERR_OSSL_PEM_NO_START_LINE',
      /it holds a PRIVATE KEY/,
    ],
    [
      'a block cut off',
      pem('leaf') + pem('int').slice(0, 300),
      'ERR_OSSL_PEM_BAD_END_LINE',
      /no matching END/,
    ],
    ['junk in base64', pem('leaf').replace('MII', 'M!I'), 'ERR_OSSL_PEM_BAD_BASE64_DECODE', /certificate 1/],
  ];
  for (const [what, text, code, message] of damaged) {
    test(`${what} is an error that says so`, () => {
      assert.throws(() => readCertificates(text, 'options.ca'), { code, message });
    });
  }
});

suite('pins', () => {
  const leaf = certificate('leaf');
  const fingerprint = new X509Certificate(pem('leaf')).fingerprint256;
  const spkiHash = createHash('sha256').update(leaf.spki).digest('hex');
  const matches = (text: string) => {
    const pin = parsePin(text);
    assert.ok(pin, text);
    return matchesPin(leaf, [pin], nodeProvider);
  };

  test('a certificate matches its own hash and that of its key, in any spelling', () => {
    assert.ok(matches(`sha256:${fingerprint}`));
    assert.ok(matches(`SHA256:${fingerprint.replaceAll(':', '').toLowerCase()}`));
    assert.ok(matches(`spki-sha256:${spkiHash}`));
  });

  test('a certificate matches neither hash in place of the other, nor any other', () => {
    assert.ok(!matches(`spki-sha256:${fingerprint}`));
    assert.ok(!matches(`sha256:${spkiHash}`));
    assert.ok(!matches(`sha256:${toHex(new Uint8Array(32))}`));
    assert.ok(!matchesPin(leaf, [], nodeProvider));
  });

  test('a malformed pin is not read as one', () => {
    const hex = spkiHash;
    for (const text of [
      '',
      hex,
      'sha256:',
      `sha1:${hex}`,
      `sha256:${hex}00`,
      `sha256:${hex.slice(2)}`,
      `sha256:${hex}:`,
      `sha256:g${hex.slice(1)}`,
    ]) {
      assert.equal(parsePin(text), undefined, text);
    }
  });
});

suite('alerts for certificates', () => {
  const expected = {
    CERT_HAS_EXPIRED: 'certificate_expired',
    CERT_REVOKED: 'certificate_revoked',
    CERT_SIGNATURE_FAILURE: 'decrypt_error',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown_ca',
    SELF_SIGNED_CERT_IN_CHAIN: 'unknown_ca',
    HOSTNAME_MISMATCH: 'bad_certificate',
    INVALID_PURPOSE: 'unsupported_certificate',
    PERMITTED_VIOLATION: 'certificate_unknown',
    toString: 'certificate_unknown',
    MY_OWN_REASON: 'certificate_unknown',
  };
  for (const [code, alert] of Object.entries(expected)) {
    test(`${code} is sent as ${alert}`, () => assert.equal(alertForCode(code), alert));
  }
});
