import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readCertificateTypes } from '#lib/extensions/certificate-types.js';
import { offeredExtensions } from '#lib/extensions/table.js';
import { CertificateType, ExtensionType } from '#lib/wire/codes.js';
import { CLIENTS } from '../support/identities.js';
import { keyPinOf } from '../support/pins.js';
import { security } from '../support/settings.js';
import { offering } from './offering.js';

const { client_certificate_type, server_certificate_type } = ExtensionType;
const { X509, RawPublicKey } = CertificateType;
const OPENPGP = 1;

const plain = security('client', 'DTLSv1.3', CLIENTS.ed25519);
const raw = security('client', 'DTLSv1.3', {
  ...CLIENTS.ed25519,
  certificateTypes: ['RawPublicKey', 'X509'],
  ca: undefined,
  peerCertificateTypes: ['RawPublicKey'],
  pins: [keyPinOf(CLIENTS.p256.key)],
});

suite('certificate types of a client', () => {
  test('a client with only certificates offers no certificate types', () => {
    const offered = offeredExtensions(offering(plain));
    assert.ok(!offered.has(client_certificate_type) && !offered.has(server_certificate_type));
  });

  test('a client offers certificate types in the order of the options', () => {
    const offered = offeredExtensions(offering(raw));
    assert.deepEqual(offered.get(client_certificate_type), Uint8Array.of(2, RawPublicKey, X509));
    assert.deepEqual(offered.get(server_certificate_type), Uint8Array.of(1, RawPublicKey));
  });

  test('a server without an answer means certificates', () => {
    assert.deepEqual(readCertificateTypes(raw, new Map()), { client: 'X509', server: 'X509' });
  });

  test("the server's answers decide the certificate types", () => {
    const answers = new Map([
      [client_certificate_type, Uint8Array.of(X509)],
      [server_certificate_type, Uint8Array.of(RawPublicKey)],
    ]);
    assert.deepEqual(readCertificateTypes(raw, answers), { client: 'X509', server: 'RawPublicKey' });
  });

  for (const [what, type, body, alert] of [
    ['a type that was not offered', server_certificate_type, Uint8Array.of(X509), 'illegal_parameter'],
    ['an unknown type', client_certificate_type, Uint8Array.of(OPENPGP), 'illegal_parameter'],
    ['no type', server_certificate_type, new Uint8Array(0), 'decode_error'],
    ['two types', client_certificate_type, Uint8Array.of(X509, RawPublicKey), 'decode_error'],
  ] as const) {
    test(`${what} in an answer about certificate types is refused with ${alert}`, () => {
      assert.throws(() => readCertificateTypes(raw, new Map([[type, body]])), { alert });
    });
  }
});
