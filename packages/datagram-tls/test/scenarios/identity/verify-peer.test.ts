import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { checkServerIdentity } from 'node:tls';
import type { PeerInfo, VerifyPeer } from '#lib/config/config.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { connect } from '#lib/index.js';
import { client, echoServer } from '../../driver/echo.js';
import { CLIENTS, OTHER_CA, SERVERS } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { VERSIONS } from '../../support/settings.js';

const LEAF = new X509Certificate(SERVERS.ed25519.cert).raw;

for (const version of VERSIONS) {
  suite(`verifyPeer, ${version}`, () => {
    test('verifyPeer gets the chain and our own verdict', () => {
      const asked: [Uint8Array[], PeerInfo][] = [];
      const verifyPeer: VerifyPeer = (chain, info) => {
        asked.push([[...chain], info]);
        return info.authorized;
      };
      new Pair({ version, client: { verifyPeer } }).handshake();
      const info = {
        authorized: true,
        authorizationError: undefined,
        name: 'localhost',
        purpose: 'serverAuth',
        rawPublicKey: undefined,
      };
      assert.deepEqual(
        asked.map(([chain, told]) => [chain.map((der) => Buffer.from(der)), told]),
        [[[LEAF], info]],
      );
    });

    test('verifyPeer accepts what we would refuse', () => {
      const pair = new Pair({ version, client: { ca: OTHER_CA, verifyPeer: () => true } }).handshake();
      assert.ok(pair.client.sessions[0]?.peer.authorized);
    });

    const refusals: readonly [string, SecurityOptions, string, string][] = [
      ['false', { verifyPeer: () => false }, 'APPLICATION_VERIFICATION', 'certificate_unknown'],
      [
        'false where we say no, and the application asked us',
        { ca: OTHER_CA, verifyPeer: (_chain, info) => info.authorized },
        'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
        'unknown_ca',
      ],
      ['a code of OpenSSL', { verifyPeer: () => 'CERT_REVOKED' }, 'CERT_REVOKED', 'certificate_revoked'],
      [
        'a code of its own',
        { verifyPeer: () => 'NOT_ON_TUESDAYS' },
        'NOT_ON_TUESDAYS',
        'certificate_unknown',
      ],
    ];
    for (const [what, options, code, alert] of refusals) {
      test(`verifyPeer refuses with ${what}`, () => {
        const pair = refused({ version, client: options });
        assert.deepEqual(pair.client.alerts('sent'), [`fatal ${alert}`]);
        assert.ok(pair.client.error?.message.startsWith(`Peer certificate verification failed: ${code} (`));
      });

      test(`verifyPeer leaves ${what} as authorizationError where unauthorized peers are accepted`, () => {
        const pair = new Pair({ version, client: { ...options, rejectUnauthorized: false } }).handshake();
        const { peer } = pair.client.sessions[0] ?? assert.fail();
        assert.deepEqual([peer.authorized, peer.authorizationError], [false, code]);
      });
    }

    test('verifyPeer decides on clients, too', () => {
      const server: SecurityOptions = {
        requestCert: true,
        verifyPeer: (_chain, info) => info.purpose === 'serverAuth',
      };
      const pair = refused({ version, client: CLIENTS.ed25519, server });
      assert.deepEqual(pair.server.alerts('sent'), ['fatal certificate_unknown']);
    });

    test('an invalid answer of verifyPeer ends the handshake with internal_error', () => {
      const pair = refused({ version, client: { verifyPeer: () => undefined as never } });
      assert.deepEqual(pair.client.alerts('sent'), ['fatal internal_error']);
    });

    test('over UDP: a promise is waited for, and its rejection is the error of the session', async () => {
      const versions = { minVersion: version, maxVersion: version };
      const server = echoServer(versions);
      const good = client(server.port, { ...versions, verifyPeer: () => Promise.resolve(true) });
      await good.opened;
      await good.close();
      const error = new Error('the directory is away');
      const bad = client(server.port, { ...versions, verifyPeer: () => Promise.reject(error) });
      await assert.rejects(bad.opened, error);
      await server.endpoint.close();
    });
  });

  suite(`checkServerIdentity, ${version}`, () => {
    const wanted = (name: string) => ({ destination: { serverName: undefined, verifyName: name } });

    test('checkServerIdentity decides on the name instead of our own check', () => {
      const asked: unknown[] = [];
      const check = (name: string, certificate: { subjectaltname?: string }): undefined => {
        asked.push(name, certificate.subjectaltname);
      };
      const pair = new Pair({ version, ...wanted('elsewhere'), client: { checkServerIdentity: check } });
      assert.ok(pair.handshake().client.sessions[0]?.peer.authorized);
      assert.deepEqual(asked, ['elsewhere', 'DNS:localhost, IP Address:127.0.0.1']);
    });

    test('checkServerIdentity is not called for an invalid chain', () => {
      const check = (): never => assert.fail('it was asked');
      const pair = refused({ version, client: { ca: OTHER_CA, checkServerIdentity: check } });
      assert.deepEqual(pair.client.alerts('sent'), ['fatal unknown_ca']);
    });

    test("node:tls's own function refuses another name, and its error is the cause", () => {
      const pair = refused({ version, ...wanted('example.com'), client: { checkServerIdentity } });
      assert.match(String(pair.client.error), /ERR_TLS_CERT_ALTNAME_INVALID/);
      assert.equal(
        (pair.client.error?.cause as { code?: string } | undefined)?.code,
        'ERR_TLS_CERT_ALTNAME_INVALID',
      );
    });
  });
}

suite('options of the verdict', () => {
  for (const option of ['verifyPeer', 'checkServerIdentity'] as const) {
    test(`${option} must be a function`, () => {
      assert.throws(() => connect('127.0.0.1', 1, { [option]: 'yes' as never }), {
        code: 'ERR_INVALID_ARG_TYPE',
        message: new RegExp(`options\\.${option}`),
      });
    });
  }

  test('checkServerIdentity is refused on a server', () => {
    assert.throws(() => echoServer({ checkServerIdentity: () => undefined } as never), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.checkServerIdentity/,
    });
  });
});
