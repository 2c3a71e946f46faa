// Siege case A14.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { memberOf, ownProperties } from '#lib/base/own-properties.js';
import { resolveBehaviour } from '#lib/config/behaviour.js';
import type { PskCredential, Security } from '#lib/config/config.js';
import { resolveSecurity } from '#lib/config/resolve.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { connect, createSecureContext, listen } from '#lib/index.js';
import { verifyPath } from '#lib/x509/path.js';
import { CA, CLIENTS, OTHER_CA, SERVERS } from '../../support/identities.js';
import { PLATFORM } from '../../support/settings.js';
import { certificate, day, store } from '../../x509/pki.js';

const KEY = new Uint8Array(16).fill(7);

/** What a library with a hole may leave on every object. */
const POLLUTION: Readonly<Record<string, unknown>> = {
  ...{
    allowHalfOpen: true,
    alpn: ['x'],
    bindHost: '127.0.0.9',
    ca: OTHER_CA,
    certificateTypes: ['RawPublicKey'],
  },
  ...{ checkServerIdentity: () => undefined, ciphers: 'TLS_AES_256_GCM_SHA384', context: 'x', crl: [] },
  ...{
    ecdhCurve: 'P-384',
    groups: 'P-384',
    handshakeTimeout: 1,
    hash: 'sha384',
    identity: 'x',
    import: true,
  },
  ...{ initial: 20, isServer: true, max: 20, maxSessions: 1, maxVersion: 'DTLSv1.2', mtu: 300 },
  ...{ passphrase: 'x', peerCertificateTypes: ['RawPublicKey'], pins: [`sha256:${'ab'.repeat(32)}`] },
  ...{ psk: { identity: 'x', key: KEY }, recordSizeLimit: 64, rejectUnauthorized: false, requestOCSP: true },
  ...{
    retransmission: { initial: 20 },
    sigalgs: 'ed25519',
    srtp: 'SRTP_AEAD_AES_128_GCM',
    verifyPeer: () => true,
  },
  ...{ partialChain: true, maxIntermediates: 0, crls: [], leafKey: {}, basicConstraints: { ca: true } },
  ...{ keyUsage: 0, extendedKeyUsage: [], sign: () => KEY, publicKey: 'x', buf: KEY, 'p-999': 'x25519' },
};

function polluted<T>(run: () => T): T {
  const root = Object.prototype as unknown as Record<string, unknown>;
  const undo = (): void => {
    for (const name of Object.keys(POLLUTION)) Reflect.deleteProperty(root, name);
  };
  for (const [name, value] of Object.entries(POLLUTION))
    Object.defineProperty(root, name, { value, configurable: true, enumerable: false, writable: true });
  try {
    return run();
  } finally {
    undo();
  }
}

/** All of a security that can be compared. */
function plainParts(security: Security): string {
  const seen = ['provider', 'trust', 'tickets', 'identities'];
  const parts = Object.entries(security).filter(
    ([name, value]) => !seen.includes(name) && typeof value !== 'function',
  );
  const given = [...security.given].sort();
  const present = Object.entries(security).map(([name, value]) => [name, typeof value]);
  return JSON.stringify([parts, given, present, security.identities.map(({ type }) => type)]);
}

/** The one credential of a client. */
function at(psk: Security['psk']): PskCredential {
  const found = psk.role === 'client' ? psk.choose(new Uint8Array(0)) : [];
  assert.ok(Array.isArray(found));
  return (found as readonly PskCredential[])[0] ?? assert.fail('no credential');
}

suite('a polluted Object.prototype', () => {
  for (const [what, options, role] of [
    ['a client without options', {}, 'client'],
    ['a client with a CA', { ca: CA }, 'client'],
    ['a client with a certificate', { ca: CA, ...CLIENTS.p256 }, 'client'],
    ['a client with a pre-shared key', { psk: { identity: 'a', key: KEY } }, 'client'],
    ['a server', SERVERS.p256, 'server'],
    ['a server with names', { ...SERVERS.p256, sni: { 'a.example': SERVERS.rsa } }, 'server'],
    ['a server with keys', { psk: { a: KEY, b: { key: KEY } } }, 'server'],
  ] as const) {
    test(`a polluted prototype changes nothing of ${what}`, () => {
      const clean = plainParts(resolveSecurity(options, role, PLATFORM));
      const dirty = polluted(() => resolveSecurity(options, role, PLATFORM));
      assert.equal(plainParts(dirty), clean);
    });
  }

  test('a polluted prototype changes nothing of a pre-shared key', () => {
    const { psk } = polluted(() => resolveSecurity({ psk: { identity: 'a', key: KEY } }, 'client', PLATFORM));
    const imported = polluted(() =>
      resolveSecurity({ psk: { identity: 'a', key: KEY, import: {} } }, 'client', PLATFORM),
    ).psk;
    const own = at(psk);
    const made = at(imported);
    assert.equal(own.import, undefined);
    assert.deepEqual([made.import?.hash, made.import?.context.length], ['sha256', 0]);
  });

  test("a polluted prototype changes nothing of a session's behaviour", () => {
    for (const options of [{}, { retransmission: {} }])
      assert.deepEqual(
        polluted(() => resolveBehaviour(options, false)),
        resolveBehaviour(options, false),
      );
  });

  test('a polluted prototype is not a private key', () => {
    const mistake = { code: 'ERR_INVALID_ARG_TYPE', message: /sign/ };
    const options = { cert: SERVERS.p256.cert, key: {} as never };
    assert.throws(() => polluted(() => resolveSecurity(options, 'server', PLATFORM)), mistake);
  });

  test('a polluted prototype makes no certificate a CA and no path shorter', () => {
    const judge = (chain: readonly string[], trust: string): string => {
      const result = verifyPath({
        chain: chain.map(certificate),
        trust: store(trust),
        time: day(1),
        purpose: 'serverAuth',
        provider: nodeProvider,
      });
      return result.ok ? 'ok' : result.code;
    };
    for (const [chain, trust] of [
      [['leaf-int', 'int'], 'root'],
      [['leaf-int'], 'int'],
      [['leaf'], 'leaf'],
    ] as const)
      assert.equal(
        polluted(() => judge(chain, trust)),
        judge(chain, trust),
      );
  });

  test('a polluted prototype does not switch verification off in connect, nor anything in listen', async () => {
    const { server, session } = polluted(() => {
      const endpoint = listen(() => undefined, { host: '127.0.0.1', port: 0, ...SERVERS.p256 });
      const port = endpoint.address?.port ?? 0;
      return {
        server: endpoint,
        session: connect('127.0.0.1', port, { ca: OTHER_CA, servername: 'localhost' }),
      };
    });
    await assert.rejects(session.opened, { code: 'ERR_DTLS_CERTIFICATE' });
    await session.closed;
    server.destroy();
    await server.closed;
  });

  test('a polluted prototype makes no server of a secure context', () => {
    assert.equal(polluted(() => createSecureContext({})).isServer, false);
  });
});

suite('properties', () => {
  test('own properties are copied, without a prototype', () => {
    const copy = ownProperties({ a: 1, b: undefined });
    assert.equal(Object.getPrototypeOf(copy), null);
    assert.deepEqual(Object.entries(copy), [
      ['a', 1],
      ['b', undefined],
    ]);
  });

  test('properties of a class count for its objects, those of Object.prototype do not', () => {
    class Signer {
      get sign(): string {
        return 'signed';
      }
    }
    assert.equal(memberOf(new Signer(), 'sign'), 'signed');
    assert.equal(memberOf({}, 'toString'), undefined);
    assert.equal(memberOf(Object.assign(Object.create(null) as object, { a: 1 }), 'a'), 1);
  });
});
