import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { suite, test } from 'node:test';
import { parseCertificate } from '#lib/x509/certificate.js';
import { readCertificates } from '#lib/x509/pem.js';
import { CA, OTHER_CA } from '../support/identities.js';

type Tls = { getCACertificates?: (type: string) => readonly string[] };

/** Stands for the list that `tls.setDefaultCACertificates` sets. An older Node lacks that function. */
let current: readonly string[] = [CA];
const asked = new Set<string>();
(createRequire(import.meta.url)('node:tls') as Tls).getCACertificates = (type) => {
  asked.add(type);
  return current;
};
// Imported after that, so that nothing of the real store is kept.
const { defaultTrust } = await import('#lib/driver/platform.js');

function trusts(pem: string): boolean {
  const certificate = parseCertificate(readCertificates(pem, 'pem')[0] ?? assert.fail());
  return defaultTrust().has(certificate ?? assert.fail());
}

suite('the default store', () => {
  test("the default store is Node's own: bundled, of the system, or set by the application", () => {
    assert.ok(trusts(CA) && !trusts(OTHER_CA));
    assert.deepEqual([...asked], ['default']);
  });

  test('the default store is parsed once, and again when the application changes it', () => {
    const before = defaultTrust();
    assert.equal(defaultTrust(), before);
    current = [OTHER_CA];
    assert.ok(trusts(OTHER_CA) && !trusts(CA));
    assert.notEqual(defaultTrust(), before);
  });
});
