import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { OcspResponder } from '#lib/config/config.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { connect, createSecureContext, type SecureContextOptions } from '#lib/index.js';
import { echoServer } from '../../driver/echo.js';
import { ocspResponse, statusIdentity, statusPem } from '../../support/ocsp.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const CA = statusPem('ca');
/** In DTLS 1.2 a client has to list the curve of the certificates, too. */
const GROUPS = 'x25519:secp256r1';
const GOOD = ocspResponse('good');
const LEAF = statusIdentity('leaf');
const MUST_STAPLE = statusIdentity('must-staple');

/** A client that requests a staple, and a server that has `response` for its certificate. */
function stapled(
  version: TestedVersion,
  response: Uint8Array | OcspResponder | undefined,
  client: SecurityOptions = {},
  identity = LEAF,
): PairOptions {
  return {
    version,
    client: { ca: CA, groups: GROUPS, requestOCSP: true, ...client },
    server: { ca: CA, ...identity, ...(response && { ocspResponse: response }) },
  };
}

function staple(pair: Pair): Uint8Array | undefined {
  return pair.client.sessions[0]?.peer.staple;
}

for (const version of VERSIONS) {
  suite(`OCSP stapling, ${version}`, () => {
    test("a client that requests a staple gets the server's, and it is good", () => {
      const pair = new Pair(stapled(version, GOOD)).handshake();
      assert.deepEqual(staple(pair), GOOD);
      assert.ok(pair.client.sessions[0]?.peer.authorized);
    });

    test('a client that does not request a staple gets none', () => {
      const pair = new Pair(stapled(version, GOOD, { requestOCSP: false })).handshake();
      assert.equal(staple(pair), undefined);
      assert.ok(!pair.server.flights('sent').flat().includes('certificate_status'));
    });

    test('a server without a staple is accepted', () => {
      const pair = new Pair(stapled(version, undefined)).handshake();
      assert.equal(staple(pair), undefined);
      assert.ok(pair.client.sessions[0]?.peer.authorized);
    });

    test('a staple in many fragments arrives over a lossy path', () => {
      const options = stapled(version, GOOD);
      const weather = { loss: 0.2, delay: [5, 40] } as const;
      const pair = new Pair({
        ...options,
        seed: 11,
        weather: weather,
        serverBehaviour: { mtu: 300 },
      });
      assert.deepEqual(staple(pair.handshake()), GOOD);
    });

    const refusals: readonly [string, Uint8Array, string, string][] = [
      ['revoked', ocspResponse('revoked'), 'CERT_REVOKED', 'certificate_revoked'],
      ['unknown', ocspResponse('unknown'), 'OCSP_CERT_UNKNOWN', 'bad_certificate_status_response'],
      ['expired', ocspResponse('ten-minutes'), 'OCSP_HAS_EXPIRED', 'bad_certificate_status_response'],
      ['forged', ocspResponse('bad-signature'), 'OCSP_SIGNATURE_FAILURE', 'bad_certificate_status_response'],
      [
        'unauthorized',
        ocspResponse('by-other-responder'),
        'OCSP_VERIFY_FAILED',
        'bad_certificate_status_response',
      ],
    ];
    for (const [what, response, code, alert] of refusals) {
      test(`a client refuses the ${what} staple of a server`, () => {
        const pair = refused(stapled(version, response));
        assert.deepEqual(pair.client.alerts('sent'), [`fatal ${alert}`]);
        assert.ok(pair.client.error?.message.startsWith(`Peer certificate verification failed: ${code} (`));
      });

      test(`the ${what} staple becomes the authorizationError where unauthorized peers are accepted`, () => {
        const pair = new Pair(stapled(version, response, { rejectUnauthorized: false })).handshake();
        assert.equal(pair.client.sessions[0]?.peer.authorizationError, code);
      });
    }

    test('junk in place of a staple is refused', () => {
      const options = stapled(version, GOOD);
      const adjust: PairOptions['adjust'] = (made) =>
        made.role === 'server' ? { ...made, findStaple: () => new Uint8Array(100) } : made;
      const pair = refused({ ...options, adjust });
      assert.deepEqual(pair.client.alerts('sent'), ['fatal bad_certificate_status_response']);
    });

    test('requireOCSP refuses a server without a staple', () => {
      const pair = refused(stapled(version, undefined, { requestOCSP: undefined, requireOCSP: true }));
      assert.deepEqual(pair.client.alerts('sent'), ['fatal bad_certificate_status_response']);
      assert.match(String(pair.client.error), /OCSP_VERIFY_NEEDED/);
    });

    test('a certificate that must be stapled is refused without a staple', () => {
      const pair = refused(stapled(version, undefined, {}, MUST_STAPLE));
      assert.match(String(pair.client.error), /OCSP_VERIFY_NEEDED/);
    });

    test('a certificate that must be stapled is accepted with a staple, or without a request', () => {
      const response = ocspResponse('good-must-staple');
      assert.deepEqual(staple(new Pair(stapled(version, response, {}, MUST_STAPLE)).handshake()), response);
      new Pair(stapled(version, undefined, { requestOCSP: false }, MUST_STAPLE)).handshake();
    });

    test('a critical feature list is refused, with a staple or without', () => {
      const pair = refused(stapled(version, undefined, {}, statusIdentity('critical-feature')));
      assert.match(String(pair.client.error), /UNHANDLED_CRITICAL_EXTENSION/);
    });

    test('an ocspResponse function gets the certificate and may have no response', () => {
      const asked: Uint8Array[] = [];
      const responder: OcspResponder = (leaf) => {
        asked.push(leaf);
        return undefined;
      };
      const pair = new Pair(stapled(version, responder)).handshake();
      assert.equal(staple(pair), undefined);
      assert.deepEqual(asked, [pair.client.sessions[0]?.peer.chain[0]?.der]);
    });

    test('an ocspResponse function is not called for clients without a request', () => {
      const never = (): never => assert.fail('it was asked');
      new Pair(stapled(version, never, { requestOCSP: false })).handshake();
    });

    test('an ocspResponse function that returns the response of another certificate ends the handshake', () => {
      const pair = refused(stapled(version, () => ocspResponse('about-another')));
      assert.equal(pair.server.alerts('sent')[0], 'fatal internal_error');
      assert.match(String(pair.server.error), /options\.ocspResponse must answer/);
    });

    test('a staple belongs to its certificate where a server has several', () => {
      const other = statusIdentity('other-leaf');
      const pair = new Pair({
        version,
        client: { ca: CA, groups: GROUPS, requestOCSP: true },
        server: {
          ca: CA,
          cert: [other.cert, LEAF.cert],
          key: [other.key, LEAF.key],
          ocspResponse: [GOOD, ocspResponse('about-another')],
        },
      }).handshake();
      assert.deepEqual(staple(pair), ocspResponse('about-another'));
    });

    test('over UDP: a promise is waited for, and the session has the response', async () => {
      const versions = { minVersion: version, maxVersion: version };
      const later: OcspResponder = () => Promise.resolve(ocspResponse('good'));
      const server = echoServer({ ...versions, ...LEAF, ocspResponse: later });
      const session = connect('127.0.0.1', server.port, {
        ...versions,
        ca: CA,
        servername: 'localhost',
        requestOCSP: true,
      });
      await session.opened;
      assert.deepEqual(session.ocspResponse, Buffer.from(GOOD));
      await session.close();
      await server.endpoint.close();
    });
  });
}

suite('OCSP stapling by clients', () => {
  const mutual = (server: SecurityOptions, client: SecurityOptions): PairOptions => ({
    version: 'DTLSv1.3',
    client: { ca: CA, groups: GROUPS, ...LEAF, ...client },
    server: { ca: CA, ...LEAF, requestCert: true, requestOCSP: true, ...server },
  });
  const given = (pair: Pair) => pair.server.sessions[0]?.peer.staple;

  test("DTLS 1.3: a server that requests a staple gets the client's, and it is good", () => {
    assert.deepEqual(given(new Pair(mutual({}, { ocspResponse: GOOD })).handshake()), GOOD);
  });

  test('DTLS 1.3: a client does not send a staple to a server without a request', () => {
    assert.equal(
      given(new Pair(mutual({ requestOCSP: false }, { ocspResponse: GOOD })).handshake()),
      undefined,
    );
  });

  test('DTLS 1.3: a server refuses a client whose certificate is revoked', () => {
    const pair = refused(mutual({}, { ocspResponse: ocspResponse('revoked') }));
    assert.deepEqual(pair.server.alerts('sent'), ['fatal certificate_revoked']);
  });

  test('DTLS 1.3: requireOCSP refuses a client without a staple', () => {
    const pair = refused(mutual({ requireOCSP: true }, {}));
    assert.match(String(pair.server.error), /OCSP_VERIFY_NEEDED/);
  });

  test('DTLS 1.2 cannot ask a client: requireOCSP refuses it, requestOCSP does not', () => {
    const version = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.2' } as const;
    const both = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3' } as const;
    new Pair(mutual(both, version)).handshake();
    const pair = refused(mutual({ ...both, requireOCSP: true }, version));
    assert.match(String(pair.server.error), /OCSP_VERIFY_NEEDED/);
  });
});

suite('options of OCSP', () => {
  const wrong: readonly [string, () => unknown, string][] = [
    ['garbage', () => server({ ocspResponse: new Uint8Array(9) }), 'ERR_INVALID_ARG_VALUE'],
    [
      'a response about another certificate',
      () => server({ ocspResponse: ocspResponse('about-another') }),
      'ERR_INVALID_ARG_VALUE',
    ],
    ['text', () => server({ ocspResponse: 'good' as never }), 'ERR_INVALID_ARG_TYPE'],
    [
      'a list with text in it',
      () => server({ ocspResponse: [GOOD, 'good'] as never }),
      'ERR_INVALID_ARG_TYPE',
    ],
    [
      'a response without a certificate',
      () => createSecureContext({ isServer: true, psk: { a: Buffer.alloc(16) }, ocspResponse: GOOD }),
      'ERR_INVALID_ARG_VALUE',
    ],
    [
      "a client's response in DTLS 1.2",
      () => createSecureContext({ ...LEAF, ocspResponse: GOOD, maxVersion: 'DTLSv1.2' }),
      'ERR_INVALID_ARG_VALUE',
    ],
    ['requestOCSP that is no boolean', () => client({ requestOCSP: 1 as never }), 'ERR_INVALID_ARG_TYPE'],
    ['requireOCSP that is no boolean', () => client({ requireOCSP: 'yes' as never }), 'ERR_INVALID_ARG_TYPE'],
    [
      'requireOCSP without requestOCSP',
      () => client({ requireOCSP: true, requestOCSP: false }),
      'ERR_INVALID_ARG_VALUE',
    ],
    [
      'requestOCSP with a pin',
      () => client({ requestOCSP: true, pins: [`sha256:${'00'.repeat(32)}`] }),
      'ERR_INVALID_ARG_VALUE',
    ],
    ['a server that requests no certificate', () => server({ requestOCSP: true }), 'ERR_INVALID_ARG_VALUE'],
    [
      'a DTLS 1.2 server that requests OCSP',
      () => server({ requestOCSP: true, requestCert: true, maxVersion: 'DTLSv1.2' }),
      'ERR_INVALID_ARG_VALUE',
    ],
  ];
  for (const [what, make, code] of wrong) {
    test(`options of OCSP refused at once: ${what}`, () =>
      assert.throws(make, { code, message: /OCSP|ocsp|pins/ }));
  }

  function server(options: SecureContextOptions): unknown {
    return createSecureContext({ isServer: true, ...LEAF, ...options });
  }
  function client(options: SecureContextOptions): unknown {
    return createSecureContext({ ca: CA, ...options });
  }
});
