// Siege cases A19, C6, C11, C13: the application's callbacks for certificates, and their arguments.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CERTIFICATE_ALERTS } from '#lib/base/alerts.js';
import type { PeerInfo, VerifyPeer } from '#lib/config/config.js';
import type { SecurityOptions as AllOptions } from '#lib/config/options.js';
import type { Security } from '#lib/connection/version.js';
import { parseCertificate } from '#lib/x509/certificate.js';
import { readCertificates } from '#lib/x509/pem.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { client, echoServer } from '../../driver/echo.js';
import { CA, CLIENTS, OTHER_CA, SERVERS, UNTRUSTED } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';
import { keyPinOf } from '../../support/pins.js';
import { refused } from '../../support/refused.js';
import { VERSIONS } from '../../support/settings.js';

/** Of either role. */
type SecurityOptions = Omit<AllOptions, 'psk' | 'checkServerIdentity'> & {
  checkServerIdentity?: () => never;
};

const BOOM = new Error('boom');

/** What counts as a promise, and is none. */
const thenable = (then: (yes: unknown, no: (error: Error) => void) => void): never =>
  Object.fromEntries([['then', then]]) as never;

const never = new Promise<never>(() => undefined);

/** A function that answers as a broken application may, and what the session's error is then. */
const BROKEN: readonly (readonly [what: string, answer: () => never, error: object | RegExp])[] = [
  [
    'throws',
    () => {
      throw BOOM;
    },
    BOOM,
  ],
  ['rejects', () => Promise.reject(BOOM) as never, BOOM],
  [
    'gives a thing with a then that throws',
    () =>
      thenable(() => {
        throw BOOM;
      }),
    BOOM,
  ],
  ['gives a thing with a then that rejects', () => thenable((_, no) => no(BOOM)), BOOM],
  ['gives a number', () => 42 as never, { code: /^ERR_INVALID_(RETURN_VALUE|ARG_TYPE)$|^ERR_DTLS_SIGNER$/ }],
  [
    'promises a number',
    () => Promise.resolve(42) as never,
    { code: /^ERR_INVALID_(RETURN_VALUE|ARG_TYPE)$|^ERR_DTLS_SIGNER$/ },
  ],
  ['gives a text', () => '' as never, { code: /^ERR_INVALID_(RETURN_VALUE|ARG_TYPE)$|^ERR_DTLS_SIGNER$/ }],
];

type Functions = Readonly<
  Record<string, (answer: () => never) => { of: 'client' | 'server'; options: SecurityOptions }>
>;

const FUNCTIONS: Functions = {
  verifyPeer: (verifyPeer) => ({ of: 'client', options: { verifyPeer } }),
  checkServerIdentity: (checkServerIdentity) => ({ of: 'client', options: { checkServerIdentity } }),
  ocspResponse: (ocspResponse) => ({ of: 'server', options: { ocspResponse } }),
  'key.sign': (sign) => ({ of: 'server', options: { key: { sign } } }),
  sni: (sni) => ({ of: 'server', options: { sni } }),
};

for (const version of VERSIONS) {
  const versions = { minVersion: version, maxVersion: version };

  for (const [name, withAnswer] of Object.entries(FUNCTIONS)) {
    suite(`a function ${name}, ${version}`, () => {
      for (const [what, answer, expected] of BROKEN) {
        test(`an application function that ${what} fails its own session only`, async () => {
          const unhandled: unknown[] = [];
          const note = (reason: unknown): void => void unhandled.push(reason);
          process.on('unhandledRejection', note);
          const { of, options } = withAnswer(answer);
          const errors: unknown[] = [];
          const server = echoServer({ ...versions, ...(of === 'server' ? options : {}) });
          const session = client(server.port, {
            ...versions,
            requestOCSP: name === 'ocspResponse',
            retransmission: { initial: 50 },
            ...(of === 'client' ? options : {}),
          });
          await assert.rejects(session.opened, (error) => Boolean(errors.push(error)));
          const [served] = server.sessions;
          if (of === 'server')
            await assert.rejects(served?.opened ?? assert.fail(), (error) => Boolean(errors.push(error)));
          const error = errors.at(-1);
          await new Promise((resolve) => setImmediate(resolve));
          process.off('unhandledRejection', note);
          server.endpoint.destroy();
          assert.deepEqual(unhandled, []);
          if (expected === BOOM) assert.equal(error, BOOM);
          else assert.match(String((error as { code?: string }).code), (expected as { code: RegExp }).code);
        });
      }

      test('an application function that never answers ends with the handshake timeout', async () => {
        const { of, options } = withAnswer(() => never as never);
        const server = echoServer({ ...versions, ...(of === 'server' ? options : {}) });
        const session = client(server.port, {
          ...versions,
          handshakeTimeout: 300,
          requestOCSP: name === 'ocspResponse',
          ...(of === 'client' ? options : {}),
        });
        await assert.rejects(session.opened, { code: 'ERR_DTLS_HANDSHAKE_TIMEOUT' });
        server.endpoint.destroy();
      });
    });
  }

  suite(`checkServerIdentity that takes time, ${version}`, () => {
    test('an asynchronous checkServerIdentity is waited for, with and without verifyPeer', async () => {
      const server = echoServer(versions);
      const checkServerIdentity = (): Promise<undefined> => Promise.resolve(undefined);
      const verifyPeer: VerifyPeer = (_chain, info) => info.authorized;
      for (const options of [{ checkServerIdentity }, { checkServerIdentity, verifyPeer }]) {
        const session = client(server.port, { ...versions, ...options });
        await session.opened;
        assert.ok(session.authorized);
        await session.close();
      }
      const error = Object.assign(new Error('not that one'), { code: 'MY_CODE' });
      const bad = client(server.port, { ...versions, checkServerIdentity: () => Promise.resolve(error) });
      await assert.rejects(bad.opened, { code: 'ERR_DTLS_CERTIFICATE', message: /MY_CODE/, cause: error });
      server.endpoint.destroy();
    });
  });

  suite(`the alert of a refused peer, ${version}`, () => {
    test('a refused peer gets bad_certificate where no pin matches', () => {
      const pair = refused({ version, client: { pins: [keyPinOf(UNTRUSTED.key)] } });
      assert.deepEqual(pair.client.alerts('sent'), ['fatal bad_certificate']);
    });

    for (const alert of CERTIFICATE_ALERTS) {
      test(`a refused peer gets ${alert} where verifyPeer says so`, () => {
        const pair = refused({ version, client: { verifyPeer: () => ({ reason: 'MINE', alert }) } });
        assert.deepEqual(pair.client.alerts('sent'), [`fatal ${alert}`]);
        assert.equal(
          pair.client.error?.message,
          'Peer certificate verification failed: MINE (certificate verify failed)',
        );
      });
    }

    test('a refused peer gets the alert of the reason where verifyPeer names none', () => {
      const pair = refused({ version, client: { verifyPeer: () => ({ reason: 'CERT_REVOKED' }) } });
      assert.deepEqual(pair.client.alerts('sent'), ['fatal certificate_revoked']);
    });

    test('a refused client gets the alert of verifyPeer, too', () => {
      const verifyPeer: VerifyPeer = () => ({ reason: 'FINGERPRINT', alert: 'bad_certificate' });
      const pair = refused({ version, client: CLIENTS.ed25519, server: { requestCert: true, verifyPeer } });
      assert.deepEqual(pair.server.alerts('sent'), ['fatal bad_certificate']);
    });

    for (const said of [
      {},
      { reason: '' },
      { reason: 1 },
      { reason: 'a', alert: 'close_notify' },
      { reason: 'a', alert: 42 },
      null,
      [],
      '',
    ]) {
      test(`a refused peer gets internal_error where verifyPeer answers ${JSON.stringify(said)}`, () => {
        const pair = refused({ version, client: { verifyPeer: () => said as never } });
        assert.deepEqual(pair.client.alerts('sent'), ['fatal internal_error']);
      });
    }
  });

  // The default store of these tests throws when it is read.
  suite(`no path is validated unless requested, ${version}`, () => {
    test('verifyPeer that accepts without reading the verdict validates no path', () => {
      const pair = new Pair({ version, client: { ca: undefined, verifyPeer: () => true } }).handshake();
      assert.ok(pair.client.sessions[0]?.peer.authorized);
    });

    test('verifyPeer that refuses without reading the verdict validates no path', () => {
      const pair = refused({ version, client: { ca: undefined, verifyPeer: () => false } });
      assert.match(String(pair.client.error), /APPLICATION_VERIFICATION/);
    });

    test('pins validate no path', () => {
      const pins = [keyPinOf(SERVERS.ed25519.key)];
      const pair = new Pair({ version, client: { ca: undefined, pins } }).handshake();
      assert.ok(pair.client.sessions[0]?.peer.authorized);
    });

    test('verifyPeer that reads the verdict gets it, and the store is loaded then', () => {
      const pair = refused({ version, client: { ca: undefined, verifyPeer: (_, info) => info.authorized } });
      assert.equal(pair.client.error?.message, 'a test must not trust what the machine trusts');
    });
  });

  suite(`a client with a pre-shared key only, ${version}`, () => {
    const certificate = parseCertificate(readCertificates(CA, 'ca')[0] ?? assert.fail()) ?? assert.fail();
    const trust = new TrustStore([certificate]);
    /** As if {@link CA} were a default CA. */
    const adjust = (security: Security): Security =>
      security.role === 'client' && !security.given.has('ca')
        ? { ...security, trust: () => trust }
        : security;
    const psk = { identity: 'device', key: new Uint8Array(16).fill(7) };

    test('a client with only a pre-shared key accepts no certificate of a default CA', () => {
      for (const rejectUnauthorized of [true, false]) {
        const pair = refused({ version, adjust, client: { ca: undefined, psk, rejectUnauthorized } });
        assert.equal(pair.client.error?.alert, 'handshake_failure');
      }
    });

    if (version === 'DTLSv1.3') {
      const judged: readonly (readonly [string, SecurityOptions])[] = [
        ['ca', { ca: CA }],
        ['pins', { ca: undefined, pins: [keyPinOf(SERVERS.ed25519.key)] }],
        ['verifyPeer', { ca: undefined, verifyPeer: () => true }],
      ];
      for (const [option, options] of judged) {
        test(`a client with a pre-shared key accepts a certificate where ${option} allows it`, () => {
          const pair = new Pair({ version, adjust, client: { psk, ...options } }).handshake();
          assert.ok(pair.client.sessions[0]?.peer.authorized);
        });
      }
    }
  });
}

suite('the verdict that verifyPeer may read', () => {
  test('the verdict for verifyPeer is computed once, and is the same later', async () => {
    const asked: PeerInfo[] = [];
    const verifyPeer: VerifyPeer = (_chain, told) => {
      asked.push(told);
      return told.authorized;
    };
    refused({ client: { ca: OTHER_CA, verifyPeer } });
    const info = asked[0] ?? assert.fail();
    const copy = { ...info };
    assert.deepEqual(
      [copy.authorized, copy.authorizationError],
      [false, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
    );
    await Promise.resolve();
    assert.equal(info.authorizationError, copy.authorizationError);
  });
});
