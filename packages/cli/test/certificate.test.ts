import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { makeEphemeralIdentity } from '#lib/certificate.js';

test('an ephemeral certificate is P-256, self-signed, for servers, valid now, and matches its key and pin', async () => {
  const { cert, key, pin } = await makeEphemeralIdentity('127.0.0.1');
  const certificate = new X509Certificate(cert);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)));
  assert.equal(certificate.ca, false);
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.ok(Date.parse(certificate.validFrom) < Date.now() && Date.now() < Date.parse(certificate.validTo));
  assert.equal(pin, `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`);
});

for (const [host, names] of [
  ['127.0.0.1', 'IP Address:127.0.0.1, DNS:localhost, IP Address:0:0:0:0:0:0:0:1'],
  ['example.test', 'DNS:example.test, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'],
  ['10.1.2.3', 'IP Address:10.1.2.3, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'],
  ['0.0.0.0', 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'],
  ['::', 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'],
  [
    'fe80::1%eth0',
    'IP Address:FE80:0:0:0:0:0:0:1, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  ],
] as const) {
  test(`an ephemeral certificate for ${host} names it and the loopback`, async () => {
    const { cert } = await makeEphemeralIdentity(host);
    assert.equal(new X509Certificate(cert).subjectAltName, names);
  });
}

test('two ephemeral certificates have serial numbers and keys of their own', async () => {
  const [a, b] = await Promise.all([makeEphemeralIdentity('localhost'), makeEphemeralIdentity('localhost')]);
  assert.notEqual(new X509Certificate(a.cert).serialNumber, new X509Certificate(b.cert).serialNumber);
  assert.notEqual(a.key, b.key);
});
