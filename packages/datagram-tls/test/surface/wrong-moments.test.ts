/** Everything that is thrown at a wrong moment, or for a wrong value, has a code, and says what to try or what was given. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createSecureContext, DTLSSecureContext, DTLSSession } from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';

interface Coded extends Error {
  readonly code?: string;
}

/** Calls that throw, the code, and what the text says. */
type Row = readonly [what: string, call: () => unknown, code: string, says: RegExp];

function check(rows: readonly Row[]): void {
  for (const [what, call, code, says] of rows)
    assert.throws(
      call,
      (error: Coded) => {
        assert.equal(error.code, code, `${what}: ${error.message}`);
        assert.match(error.message, says, what);
        return true;
      },
      what,
    );
}

const STATE = 'ERR_INVALID_STATE';
const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';
const CRYPTO = 'ERR_CRYPTO_OPERATION_FAILED';

suite('a call at the wrong moment', () => {
  test('before the handshake is done it is ERR_INVALID_STATE', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    check([
      ['send', () => session.send('x'), STATE, /^Invalid state: .* before the handshake completes/],
      ['exportKeyingMaterial', () => session.exportKeyingMaterial(16, 'x'), STATE, /not open/],
      ['updateKeys', () => session.updateKeys(), STATE, /^Invalid state: /],
    ]);
    session.destroy();
  });

  test('after the end it is ERR_INVALID_STATE', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    await session.close();
    const { endpoint } = server;
    endpoint.destroy();
    check([
      ['send', () => session.send('x'), STATE, /^Invalid state: Session is destroyed/],
      ['exportKeyingMaterial', () => session.exportKeyingMaterial(16, 'x'), STATE, /^Invalid state: /],
      ['updateKeys', () => session.updateKeys(), STATE, /^Invalid state: /],
      ['endpoint.connect', () => endpoint.connect('127.0.0.1', 9), STATE, /destroyed/],
    ]);
  });

  test('updateKeys is ERR_INVALID_STATE in DTLS 1.2', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { maxVersion: 'DTLSv1.2' });
    await session.opened;
    check([['updateKeys', () => session.updateKeys(), STATE, /DTLS 1\.3.*session\.protocol/]]);
    await session.close();
  });
});

suite('a wrong value', () => {
  test('of a handler is ERR_INVALID_ARG_TYPE, and names the handler', (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    const names = [
      'onmessage',
      'onerror',
      'onhandshake',
      'onkeylog',
      'onend',
      'ondrain',
      'onsession',
    ] as const;
    check([
      ...names.map((name): Row => [name, () => (session[name] = 5 as never), TYPE, new RegExp(name)]),
      ['onrefused', () => (server.endpoint.onrefused = {} as never), TYPE, /onrefused/],
      [
        'endpoint.onerror',
        () => (server.endpoint.onerror = 'x' as never),
        TYPE,
        /onerror.*Received type string$/,
      ],
    ]);
    session.destroy();
  });

  test('is described, and not shown: it may be a secret', () => {
    check([
      [
        'passphrase',
        () => createSecureContext({ passphrase: 123456 as never }),
        TYPE,
        /Received type number$/,
      ],
      ['psk', () => createSecureContext({ psk: 'geheim' as never }), TYPE, /Received type string$/],
    ]);
  });

  test('of a class without a public constructor is ERR_ILLEGAL_CONSTRUCTOR', () => {
    const make = (type: unknown) => () => new (type as new () => unknown)();
    check([
      ['DTLSSession', make(DTLSSession), 'ERR_ILLEGAL_CONSTRUCTOR', /Illegal constructor/],
      ['DTLSSecureContext', make(DTLSSecureContext), 'ERR_ILLEGAL_CONSTRUCTOR', /Illegal constructor/],
    ]);
  });
});

suite('a name that is not known', () => {
  test('is refused with the nearest one, wherever it stands', () => {
    const make = (options: object) => () => createSecureContext(options);
    check([
      ['option', make({ chiphers: 'x' }), VALUE, /Did you mean 'options\.ciphers'\?/],
      [
        'nested',
        make({ psk: { identitty: 'x', key: Buffer.alloc(1) } }),
        VALUE,
        /Did you mean 'options\.psk\.identity'\?/,
      ],
      ['version', make({ minVersion: 'DTLSv1.4' }), VALUE, /Did you mean 'DTLSv1\.[23]'\?/],
      ['group', make({ groups: 'X25591' }), CRYPTO, /Did you mean 'x25519'\?/],
      [
        'sigalg',
        make({ sigalgs: ['ecdsa_secp256r1_sha265'] }),
        CRYPTO,
        /Did you mean 'ecdsa_secp256r1_sha256'\?/,
      ],
      ['srtp', make({ srtp: 'SRTP_AES128_CM_SHA1_8O' }), CRYPTO, /Did you mean 'SRTP_AES128_CM_SHA1_80'\?/],
      [
        'cipher',
        make({ ciphers: 'TLS_AES_128_GCM_SHA265' }),
        CRYPTO,
        /Did you mean 'TLS_AES_128_GCM_SHA256'\?/,
      ],
    ]);
  });
});
