import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import { ocspResponse, statusIdentity, statusPem } from '../../support/ocsp.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';
import { VERSIONS } from '../../support/settings.js';

const CA = statusPem('ca');
/** In DTLS 1.2 a client has to list the curve of the certificates, too. */
const GROUPS = 'x25519:secp256r1';
const GOOD = ocspResponse('good');
const STAPLED = { ca: CA, ...statusIdentity('leaf'), ocspResponse: GOOD };
const MUST_STAPLE = {
  ca: CA,
  ...statusIdentity('must-staple'),
  ocspResponse: ocspResponse('good-must-staple'),
};

for (const version of VERSIONS) {
  const between = (client: SecurityOptions, server: SecurityOptions): PairOptions => ({
    version,
    client: { ca: CA, groups: GROUPS, ...client },
    server,
  });
  const again = (options: PairOptions): Pair =>
    returning(savedSession(new Pair(options).handshake()), options).handshake();

  suite(`OCSP staples beside resumption, ${version}`, () => {
    for (const [what, client, server] of [
      ['requireOCSP', { requireOCSP: true }, STAPLED],
      ['a certificate that must be stapled', { requestOCSP: true }, MUST_STAPLE],
      [
        'requireOCSP beside rejectUnauthorized: false',
        { requireOCSP: true, rejectUnauthorized: false },
        STAPLED,
      ],
    ] as const) {
      test(`${what}: a full handshake brings a new staple`, () => {
        const pair = again(between(client, server));
        assert.ok(!isResumed(pair));
        assert.deepEqual(pair.client.sessions[0]?.peer.staple, server.ocspResponse);
        assert.equal(pair.client.sessions[0].peer.authorizationError, undefined);
      });
    }

    test('requestOCSP: the session is resumed, without a staple', () => {
      const pair = again(between({ requestOCSP: true }, STAPLED));
      assert.ok(isResumed(pair));
      assert.equal(pair.client.sessions[0]?.peer.staple, undefined);
      assert.ok(pair.client.sessions[0]?.peer.authorized);
    });

    test('verifyPeer is told that a staple is missing, and may accept that', () => {
      const told: (string | undefined)[] = [];
      const verifyPeer: SecurityOptions['verifyPeer'] = (_, { authorizationError }) => {
        told.push(authorizationError);
        return true;
      };
      assert.ok(isResumed(again(between({ requireOCSP: true, verifyPeer }, STAPLED))));
      assert.deepEqual(told, [undefined, 'OCSP_VERIFY_NEEDED']);
    });
  });
}

suite('OCSP staples of clients beside resumption', () => {
  test('DTLS 1.3: requireOCSP of a server makes the client send its certificate and a staple again', () => {
    const options: PairOptions = {
      version: 'DTLSv1.3',
      client: { groups: GROUPS, ...STAPLED },
      server: { ...STAPLED, requestCert: true, requireOCSP: true },
    };
    const pair = returning(savedSession(new Pair(options).handshake()), options).handshake();
    assert.ok(!isResumed(pair));
    assert.deepEqual(pair.server.sessions[0]?.peer.staple, GOOD);
  });
});
