import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import type { Identity, PeerInfo } from '#lib/config/config.js';
import type { SecurityOptions } from '#lib/config/options.js';
import type { Security } from '#lib/connection/version.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { createSecureContext, type SecureContextOptions } from '#lib/index.js';
import { client, echoServer, roundTrip } from '../../driver/echo.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, SERVERS, UNTRUSTED } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { keyPinOf, spkiOf } from '../../support/pins.js';
import { refused } from '../../support/refused.js';
import { VERSIONS } from '../../support/settings.js';

const RAW = 'RawPublicKey';
const { key } = SERVERS.ed25519;
/** Shows a raw public key and nothing else. */
const RAW_SERVER: SecurityOptions = { cert: undefined, ca: undefined, key, certificateTypes: [RAW] };
const RAW_CLIENT: SecurityOptions = { key: CLIENTS.ed25519.key, certificateTypes: [RAW] };
/** Accepts only the raw public key of the server, or of the client. */
const PIN_SERVER = pinned(key);
const PIN_CLIENT = { ...pinned(CLIENTS.ed25519.key), requestCert: true };

function pinned(ofKey: string) {
  return { ca: undefined, peerCertificateTypes: [RAW], pins: [keyPinOf(ofKey)] } as const;
}

for (const version of VERSIONS) {
  suite(`raw public keys, ${version}`, () => {
    for (const [name, { key: ofServer }] of Object.entries(SERVERS)) {
      test(`a server of type ${name} is authenticated by its raw public key`, () => {
        const groups = 'x25519:P-256';
        const pair = new Pair({
          version,
          client: { ...pinned(ofServer), groups },
          server: { ...RAW_SERVER, key: ofServer, groups },
        });
        pair.explain(() => pair.handshake());
        const { peer } = pair.client.sessions[0] ?? assert.fail();
        assert.deepEqual([peer.authorized, peer.chain.length], [true, 0]);
        assert.deepEqual(Buffer.from(peer.publicKey ?? []), spkiOf(ofServer));
        assertAlive(pair);
      });
    }

    for (const [name, { key: ofClient }] of Object.entries(CLIENTS)) {
      test(`a client of type ${name} is authenticated by its raw public key`, () => {
        const pair = new Pair({
          version,
          client: { ...RAW_CLIENT, key: ofClient },
          server: { ...PIN_CLIENT, ...pinned(ofClient) },
        });
        pair.explain(() => pair.handshake());
        const { peer } = pair.server.sessions[0] ?? assert.fail();
        assert.deepEqual([peer.authorized, peer.chain.length], [true, 0]);
        assert.deepEqual(Buffer.from(peer.publicKey ?? []), spkiOf(ofClient));
        assertAlive(pair);
      });
    }

    test('both sides show raw public keys', () => {
      const pair = new Pair({
        version,
        client: { ...RAW_CLIENT, ...PIN_SERVER },
        server: { ...RAW_SERVER, ...PIN_CLIENT },
      }).handshake();
      for (const side of [pair.client, pair.server]) assert.ok(side.sessions[0]?.peer.authorized);
    });

    test('a server with both shows a certificate to a client without raw public keys', () => {
      const server = { certificateTypes: [RAW, 'X509'] as const };
      const pair = new Pair({ version, server }).handshake();
      assert.equal(pair.client.sessions[0]?.peer.chain.length, 1);
    });

    test('the order of the server decides where both sides accept both', () => {
      for (const [types, length] of [
        [[RAW, 'X509'], 0],
        [['X509', RAW], 1],
      ] as const) {
        const takesBoth: SecurityOptions = { peerCertificateTypes: ['X509', RAW], pins: [keyPinOf(key)] };
        const pair = new Pair({ version, client: takesBoth, server: { certificateTypes: types } });
        assert.equal(pair.handshake().client.sessions[0]?.peer.chain.length, length);
      }
    });

    test('a client with both shows what the server requests', () => {
      const both: SecurityOptions = { ...CLIENTS.ed25519, certificateTypes: ['X509', RAW] };
      for (const [server, length] of [
        [PIN_CLIENT, 0],
        [{ requestCert: true }, 1],
      ] as const) {
        const pair = new Pair({ version, client: both, server }).handshake();
        const { peer } = pair.server.sessions[0] ?? assert.fail();
        assert.deepEqual([peer.authorized, peer.chain.length], [true, length]);
      }
    });

    test('a client without a raw public key is treated as one without a certificate', () => {
      const alert = version === 'DTLSv1.3' ? 'certificate_required' : 'handshake_failure';
      const pair = refused({ version, server: PIN_CLIENT });
      assert.deepEqual(pair.server.alerts('sent'), [`fatal ${alert}`]);
    });

    test("a client whose raw public key cannot sign with the server's schemes shows none", () => {
      const groups = 'x25519:P-256';
      const server = { ...PIN_CLIENT, ...SERVERS.p256, sigalgs: 'ecdsa_secp256r1_sha256', groups };
      const pair = new Pair({
        version,
        client: { ...RAW_CLIENT, groups },
        server: { ...server, rejectUnauthorized: false },
      });
      pair.handshake();
      const { peer } = pair.server.sessions[0] ?? assert.fail();
      assert.deepEqual([peer.authorized, peer.publicKey], [false, undefined]);
    });

    const refusals: readonly [string, PairOptions, 'client' | 'server', string, RegExp][] = [
      [
        'a raw public key that no pin matches',
        { client: pinned(UNTRUSTED.key), server: RAW_SERVER },
        'client',
        'bad_certificate',
        /PIN_MISMATCH/,
      ],
      [
        'a raw public key of a client that no pin matches',
        { client: RAW_CLIENT, server: { ...PIN_CLIENT, ...pinned(UNTRUSTED.key) } },
        'server',
        'bad_certificate',
        /PIN_MISMATCH/,
      ],
      [
        'a raw public key that verifyPeer does not want',
        {
          client: { peerCertificateTypes: [RAW], ca: undefined, verifyPeer: () => false },
          server: RAW_SERVER,
        },
        'client',
        'bad_certificate',
        /RPK_UNTRUSTED/,
      ],
      [
        'a server that has only a certificate, by a client that accepts only raw public keys',
        { client: PIN_SERVER },
        'server',
        'unsupported_certificate',
        /none of our certificate types/,
      ],
      [
        'a client that takes certificates, by a server that has a raw public key alone',
        { server: RAW_SERVER },
        'server',
        'unsupported_certificate',
        /none of our certificate types/,
      ],
      [
        'a client that shows a raw public key, by a server that takes certificates',
        { client: RAW_CLIENT, server: { requestCert: true } },
        'server',
        'unsupported_certificate',
        /no certificate type that is accepted/,
      ],
      [
        'a client that shows a certificate, by a server that takes raw public keys',
        { client: CLIENTS.ed25519, server: PIN_CLIENT },
        'server',
        'unsupported_certificate',
        /X509, which peerCertificateTypes does not allow/,
      ],
    ];
    for (const [what, options, by, alert, message] of refusals) {
      test(`raw public keys refused with ${alert}: ${what}`, () => {
        const pair = refused({ version, ...options });
        assert.equal(pair[by].alerts('sent')[0], `fatal ${alert}`);
        assert.match(String(pair[by].error), message);
      });
    }

    test('an unverified raw public key is accepted without authorization where that is allowed', () => {
      const pair = new Pair({
        version,
        client: { ca: undefined, peerCertificateTypes: [RAW], rejectUnauthorized: false },
        server: RAW_SERVER,
      }).handshake();
      const { peer } = pair.client.sessions[0] ?? assert.fail();
      assert.deepEqual([peer.authorized, peer.authorizationError], [false, 'RPK_UNTRUSTED']);
    });

    test('verifyPeer gets the raw public key and decides', () => {
      const asked: [number, PeerInfo][] = [];
      const verifyPeer = (chain: readonly Uint8Array[], info: PeerInfo): boolean => {
        asked.push([chain.length, { ...info, rawPublicKey: Buffer.from(info.rawPublicKey ?? []) }]);
        return true;
      };
      const pair = new Pair({
        version,
        client: { ca: undefined, peerCertificateTypes: [RAW], verifyPeer },
        server: RAW_SERVER,
      }).handshake();
      assert.ok(pair.client.sessions[0]?.peer.authorized);
      const info: PeerInfo = {
        authorized: false,
        authorizationError: 'RPK_UNTRUSTED',
        name: 'localhost',
        purpose: 'serverAuth',
        rawPublicKey: spkiOf(key),
      };
      assert.deepEqual(asked, [[0, info]]);
    });

    test('over UDP: an external signer gives its public key, and the session shows it to the peer', async () => {
      const module = nodeProvider.importPrivateKey(SERVERS.p256.key);
      const versions = { minVersion: version, maxVersion: version };
      const server = echoServer({
        ...versions,
        cert: undefined,
        certificateTypes: [RAW],
        key: {
          publicKey: createPublicKey(SERVERS.p256.key).export({ type: 'spki', format: 'pem' }),
          sign: async (scheme, data) => await Promise.resolve(nodeProvider.sign(scheme, module, data)),
        },
      });
      const session = client(server.port, { ...versions, ...pinned(SERVERS.p256.key) });
      await session.opened;
      assert.equal(await roundTrip(session, 'raw'), 'raw');
      assert.ok(session.authorized);
      assert.equal(session.peerX509Certificate, undefined);
      assert.ok(session.peerPublicKey?.equals(createPublicKey(SERVERS.p256.key)));
      await session.close();
      await server.endpoint.close();
    });
  });

  suite(`false raw public keys, ${version}`, () => {
    const spki = spkiOf(key);
    const der = new X509Certificate(SERVERS.ed25519.cert).raw;
    const length = Uint8Array.of(0, der.length >> 8, der.length & 0xff);
    const decode = 'decode_error';
    const bad = 'bad_certificate';

    const claims: readonly [string, Partial<Identity>, string][] = [
      ['nothing', { chain: [] }, decode],
      ['bytes that are no public key', { chain: [Uint8Array.of(1, 2, 3)] }, bad],
      ['a public key with a byte too many', { chain: [concat(spki, Uint8Array.of(0))] }, bad],
      ['a public key that is cut off', { chain: [spki.subarray(0, -1)] }, bad],
      ['a key of an unknown algorithm', { chain: [unknownAlgorithm(spki)] }, 'unsupported_certificate'],
      ['a certificate', { chain: [der] }, bad],
      ['a list of certificates', { chain: [concat(length, der)] }, bad],
      ["another peer's key", { key: nodeProvider.importPrivateKey(UNTRUSTED.key) }, 'decrypt_error'],
    ];
    for (const [what, change, alert] of claims) {
      test(`a server that shows ${what} gets ${alert}`, () => {
        const adjust = changedIdentity('server', change);
        const pair = refused({ version, client: PIN_SERVER, server: RAW_SERVER, adjust });
        assert.deepEqual(pair.client.alerts('sent'), [`fatal ${alert}`]);
        assert.equal(pair.client.sessions.length, 0);
      });

      if (what === 'nothing') continue;
      test(`a client that shows ${what} gets ${alert}`, () => {
        const adjust = changedIdentity('client', change);
        const pair = refused({ version, client: RAW_CLIENT, server: PIN_CLIENT, adjust });
        assert.deepEqual(pair.server.alerts('sent'), [`fatal ${alert}`]);
        assert.equal(pair.server.sessions.length, 0);
      });
    }

    test(`a server that shows a raw public key where a certificate was negotiated is refused`, () => {
      const adjust = changedIdentity('server', { chain: [spki] });
      const pair = refused({ version, adjust });
      assert.deepEqual(pair.client.alerts('sent'), [`fatal ${bad}`]);
    });
  });
}

suite('false raw public keys', () => {
  test('DTLS 1.3: two raw public keys get illegal_parameter', () => {
    const spki = spkiOf(key);
    const adjust = changedIdentity('server', { chain: [spki, spki] });
    const pair = refused({ version: 'DTLSv1.3', client: PIN_SERVER, server: RAW_SERVER, adjust });
    assert.deepEqual(pair.client.alerts('sent'), ['fatal illegal_parameter']);
  });
});

suite('options of raw public keys', () => {
  const mistakes: readonly [string, SecureContextOptions, string, RegExp][] = [
    ['an unknown type', { certificateTypes: ['X.509' as never] }, 'VALUE', /certificateTypes\[0\]/],
    ['no type', { peerCertificateTypes: [] }, 'VALUE', /peerCertificateTypes' must name/],
    ['a type that is no list', { certificateTypes: RAW as never }, 'TYPE', /certificateTypes/],
    ['raw public keys without a pin', { peerCertificateTypes: [RAW] }, 'VALUE', /spki-sha256/],
    [
      'pins that are not of keys',
      { peerCertificateTypes: [RAW], pins: [`sha256:${'00'.repeat(32)}`] },
      'VALUE',
      /spki-sha256/,
    ],
    [
      'a certificate that is not shown',
      { ...CLIENTS.ed25519, certificateTypes: [RAW] },
      'VALUE',
      /options\.cert/,
    ],
    ['a CA for keys', { ...PIN_SERVER, ca: CA }, 'VALUE', /options\.ca/],
    [
      'a server that does not ask',
      { ...PIN_SERVER, pins: undefined, isServer: true },
      'VALUE',
      /requestCert/,
    ],
  ];
  for (const [what, options, code, message] of mistakes) {
    test(`${what}: ERR_INVALID_ARG_${code}`, () => {
      assert.throws(() => createSecureContext(options), { code: `ERR_INVALID_ARG_${code}`, message });
    });
  }

  test('a raw public key needs a private one', () => {
    assert.throws(() => createSecureContext({ certificateTypes: [RAW] }), {
      code: 'ERR_MISSING_ARGS',
      message: /options\.key"/,
    });
  });

  test('a signer without a certificate needs its public key', () => {
    const sign = () => new Uint8Array();
    assert.throws(() => createSecureContext({ certificateTypes: [RAW], key: { sign } }), {
      code: 'ERR_MISSING_ARGS',
      message: /options\.key\.publicKey/,
    });
  });

  test('the public key of a signer must be that of the certificate', () => {
    const { cert } = SERVERS.ed25519;
    const publicKey = spkiOf(UNTRUSTED.key);
    assert.throws(() => createSecureContext({ cert, key: { sign: () => new Uint8Array(), publicKey } }), {
      code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
    });
  });

  for (const publicKey of ['no key', new Uint8Array(5), SERVERS.ed25519.cert]) {
    test(`a public key that is ${String(publicKey).slice(0, 20)} cannot be read`, () => {
      const key = { sign: () => new Uint8Array(), publicKey };
      assert.throws(() => createSecureContext({ certificateTypes: [RAW], key }), {
        code: 'ERR_OSSL_PEM_NO_START_LINE',
        message: /options\.key\.publicKey/,
      });
    });
  }
});

/** A side that shows, or signs with, something else than it should. */
function changedIdentity(
  role: Security['role'],
  change: Partial<Identity>,
): (security: Security) => Security {
  return (security) =>
    security.role === role
      ? { ...security, identities: security.identities.map((identity) => ({ ...identity, ...change })) }
      : security;
}

/** The last byte of the object identifier of Ed25519 changed. */
function unknownAlgorithm(spki: Uint8Array): Uint8Array {
  return spki.map((byte, at) => (at === 8 ? 0x7e : byte));
}
