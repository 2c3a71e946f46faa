import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import { createSecureContext } from '#lib/index.js';
import { statusFile, statusIdentity, statusPem } from '../../support/ocsp.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const CA = statusPem('ca');
const NOBODY = statusFile('nobody.crl').toString();
const LEAF = statusFile('leaf.crl').toString();
const IDENTITY = statusIdentity('leaf');
/** In DTLS 1.2 a client has to list the curve of the certificates, too. */
const GROUPS = 'x25519:secp256r1';

function withLists(version: TestedVersion, client: SecurityOptions, server: SecurityOptions): PairOptions {
  return {
    version,
    client: { ca: CA, ...IDENTITY, groups: GROUPS, ...client },
    server: { ca: CA, ...IDENTITY, requestCert: true, ...server },
  };
}

for (const version of VERSIONS) {
  suite(`the option crl, ${version}`, () => {
    test('crl accepts peers that are on no list, in both roles', () => {
      const pair = new Pair(withLists(version, { crl: NOBODY }, { crl: [NOBODY] })).handshake();
      assert.ok(pair.client.sessions[0]?.peer.authorized);
      assert.ok(pair.server.sessions[0]?.peer.authorized);
    });

    test('client refuses a revoked server with certificate_revoked', () => {
      const pair = refused(withLists(version, { crl: LEAF }, {}));
      assert.deepEqual(pair.client.alerts('sent'), ['fatal certificate_revoked']);
    });

    test('server refuses a revoked client with certificate_revoked', () => {
      const pair = refused(withLists(version, {}, { crl: Buffer.from(LEAF) }));
      assert.deepEqual(pair.server.alerts('sent'), ['fatal certificate_revoked']);
    });

    test('a list of another CA does not count', () => {
      const pair = refused(withLists(version, { crl: statusFile('other.crl').toString() }, {}));
      assert.match(String(pair.client.error), /UNABLE_TO_GET_CRL/);
    });
  });
}

suite('the option crl', () => {
  test('crl refuses at once malformed lists, and pins beside it', () => {
    const pins = [`sha256:${'00'.repeat(32)}`];
    for (const [options, code] of [
      [{ crl: 'no list' }, 'ERR_OSSL_PEM_NO_START_LINE'],
      [{ crl: CA }, 'ERR_OSSL_PEM_NO_START_LINE'],
      [{ crl: '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----' }, 'ERR_CRYPTO_OPERATION_FAILED'],
      [{ crl: 1 as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ crl: NOBODY, pins }, 'ERR_INVALID_ARG_VALUE'],
    ] as const) {
      assert.throws(() => createSecureContext(options), { code });
    }
  });
});
