// Which mistake is reported first, and what is as good as nothing.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, createSecureContext, DTLSEndpoint, listen } from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';
import { CA, SERVERS } from '../support/identities.js';

const ignore = (): void => undefined;
const { cert, key } = SERVERS.p256;
const serve = listen as unknown as (...args: unknown[]) => DTLSEndpoint;
const reach = connect as unknown as (...args: unknown[]) => unknown;
const make = createSecureContext as unknown as (options: unknown) => unknown;

/** Each line holds the mistakes of all lines below it: the first one is reported. */
type Ladder = readonly (readonly [
  what: string,
  argument: string,
  code: string,
  wrong: object,
  right: object,
])[];

const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';
const RANGE = 'ERR_OUT_OF_RANGE';

const LISTEN: Ladder = [
  ['a host', 'options.host', TYPE, { host: 5, port: '1' }, { host: '127.0.0.1' }],
  ['a port', 'options.port', TYPE, { port: '1' }, { port: 0 }],
  ['a context', 'options.secureContext', TYPE, { secureContext: {} }, { secureContext: undefined }],
  ['a certificate', 'options.cert', 'ERR_OSSL_PEM_NO_START_LINE', { cert: 'not PEM' }, { cert }],
  ['a cipher list', 'options.ciphers', TYPE, { ciphers: 5 }, { ciphers: undefined }],
  ['an mtu', 'options.mtu', RANGE, { mtu: 1 }, { mtu: 1200 }],
  ['a number of sessions', 'options.maxSessions', RANGE, { maxSessions: -1 }, {}],
];

const CONNECT: Ladder = [
  ['an address to bind', 'options.bindHost', TYPE, { bindHost: 5 }, { bindHost: undefined }],
  ['a port to bind', 'options.bindPort', RANGE, { bindPort: -1 }, { bindPort: 0 }],
  [
    'rejectUnauthorized',
    'options.rejectUnauthorized',
    TYPE,
    { rejectUnauthorized: 1 },
    { rejectUnauthorized: true },
  ],
  ['a certificate of a CA', 'options.ca', 'ERR_CRYPTO_OPERATION_FAILED', { ca: 'not PEM' }, { ca: CA }],
  ['an mtu', 'options.mtu', RANGE, { mtu: 1 }, { mtu: 1200 }],
  ['a server name', 'options.servername', TYPE, { servername: 5 }, { servername: 'localhost' }],
  ['a saved session', 'options.session', VALUE, { session: Buffer.from('x') }, {}],
];

const CONTEXT: Ladder = [
  ['isServer', 'options.isServer', TYPE, { isServer: 1 }, { isServer: true }],
  ['pre-shared keys', 'options.psk', VALUE, { psk: {} }, { psk: undefined }],
  [
    'a hint without keys',
    'options.pskIdentityHint',
    VALUE,
    { pskIdentityHint: 'x' },
    { pskIdentityHint: undefined },
  ],
  [
    'keys of tickets',
    'options.ticketKeys',
    VALUE,
    { ticketKeys: Buffer.alloc(48) },
    { ticketKeys: Buffer.alloc(80) },
  ],
  ['a certificate', 'options.cert', 'ERR_OSSL_PEM_NO_START_LINE', { cert: 'x', key: 'x' }, { cert }],
  ['a key', 'options.key', 'ERR_OSSL_UNSUPPORTED', { key: 'x' }, { key }],
  ['a CA', 'options.ca', TYPE, { ca: 5 }, { ca: CA }],
  ['ciphers', 'options.ciphers', TYPE, { ciphers: 5 }, { ciphers: undefined }],
  ['a curve', 'options.ecdhCurve', TYPE, { ecdhCurve: 5 }, { ecdhCurve: 'P-256' }],
  ['a protocol', 'options.alpn', RANGE, { alpn: [''] }, { alpn: ['a'] }],
  ['SRTP profiles', 'options.srtp', TYPE, { srtp: 5 }, { srtp: undefined }],
  [
    'rejectUnauthorized',
    'options.rejectUnauthorized',
    TYPE,
    { rejectUnauthorized: 0 },
    { rejectUnauthorized: true },
  ],
  ['requestCert', 'options.requestCert', TYPE, { requestCert: 0 }, { requestCert: false }],
  [
    'a session context',
    'options.sessionIdContext',
    RANGE,
    { sessionIdContext: 'é'.repeat(17) },
    { sessionIdContext: 'x' },
  ],
  ['names', 'options.sni', VALUE, { sni: {} }, {}],
];

function climb(ladder: Ladder, call: (options: object) => unknown): void {
  for (const [at, [what, argument, code]] of ladder.entries()) {
    const repaired = ladder.slice(0, at).map(([, , , , right]) => right);
    const wrong = ladder.slice(at).map(([, , , mistake]) => mistake);
    // Of several mistakes about one option the first rung that has one counts.
    const options = Object.assign({}, ...wrong.reverse(), ...repaired) as object;
    assert.throws(
      () => call(options),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, code, `${what}: ${error.message}`);
        assert.ok(error.message.includes(argument), `${what}: ${error.message}`);
        return true;
      },
    );
  }
}

suite('of several mistakes the first is reported, in the order of node:dtls', () => {
  test('by listen', () => {
    assert.throws(() => serve(5, 5), { code: TYPE, message: /onsession/ });
    assert.throws(() => serve(ignore, 5), { code: TYPE, message: /"options"/ });
    const wrong = { host: 5, mtu: 1 };
    for (const [missing, options] of [
      ['cert', {}],
      ['cert', { key: 'not PEM', port: '1' }],
      ['key', { cert: 'not PEM', port: '1' }],
      ['port', { cert: 'not PEM', key }],
      ['port', { psk: { a: Buffer.alloc(16) } }],
    ] as const) {
      assert.throws(() => serve(ignore, { ...wrong, ...options }), {
        code: 'ERR_MISSING_ARGS',
        message: new RegExp(`options\\.${missing}`),
      });
    }
    climb(LISTEN, (options) => serve(ignore, { cert, key, ...options }));
  });

  test('by connect', () => {
    assert.throws(() => reach(5, 'x', 5), { code: TYPE, message: /host/ });
    assert.throws(() => reach('127.0.0.1', 'x', 5), { code: TYPE, message: /port/ });
    assert.throws(() => reach('127.0.0.1', 65_536, 5), { code: RANGE, message: /port/ });
    assert.throws(() => reach('127.0.0.1', 1, 5), { code: TYPE, message: /"options"/ });
    climb(CONNECT, (options) => reach('127.0.0.1', 9, options));
  });

  test('by createSecureContext', () => {
    assert.throws(() => make(null), { code: TYPE, message: /"options"/ });
    climb(CONTEXT, make);
  });
});

suite('what is as good as nothing', () => {
  test('listen without options says what is missing first', () => {
    assert.throws(() => listen(ignore), { code: 'ERR_MISSING_ARGS', message: /options\.cert/ });
  });

  test('an empty host binds to all addresses', async () => {
    for (const host of ['', null]) {
      const endpoint = serve(ignore, { cert, key, port: 0, host });
      assert.equal(endpoint.address?.address, '0.0.0.0');
      await endpoint.close();
    }
  });

  test('null for passphrase, ecdhCurve and limits, and empty texts, are absent', async (t) => {
    assert.ok(make({ cert, key, isServer: true, passphrase: null, ecdhCurve: null }));
    assert.ok(make({ ecdhCurve: '' }));
    new DTLSEndpoint({ maxSessions: null, maxSessionsPerHost: null } as never).destroy();
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { bindHost: '' });
    await session.opened;
    await session.close();
  });

  test('null for keys of tickets, booleans, numbers and the local address is a mistake', () => {
    assert.throws(() => make({ cert, key, isServer: true, ticketKeys: null }), { code: TYPE });
    for (const name of ['isServer', 'rejectUnauthorized'])
      assert.throws(() => make({ [name]: null }), { code: TYPE });
    for (const name of ['bindHost', 'bindPort', 'handshakeTimeout', 'mtu'])
      assert.throws(() => reach('127.0.0.1', 9, { [name]: null }), { code: TYPE }, name);
  });
});

suite('a host and a port', () => {
  test('port 0 of a server is reported by the session, after connect has returned', async () => {
    const session = connect('127.0.0.1', 0, { ca: CA });
    const heard: unknown[] = [];
    session.onerror = (error) => void heard.push(error);
    await assert.rejects(session.opened, (error: Error & { code?: string; cause?: { code?: string } }) => {
      assert.equal(error.code, 'ERR_DTLS_UNREACHABLE');
      assert.equal(error.cause?.code, 'EINVAL');
      assert.deepEqual(heard, [error]);
      return true;
    });
    await session.closed;
    assert.equal(session.endpoint.destroyed, true);
  });

  test('an empty host to connect to is a mistake', () => {
    assert.throws(() => connect('', 9), { code: VALUE, message: /host/ });
  });
});

suite('the option secureContext', () => {
  const context = createSecureContext({ cert, key, isServer: true });

  test('a context of the other side is refused', () => {
    assert.throws(() => serve(ignore, { port: 0, secureContext: createSecureContext() }), {
      code: VALUE,
      message: /secureContext.*client/,
    });
    assert.throws(() => reach('127.0.0.1', 9, { secureContext: context }), {
      code: VALUE,
      message: /secureContext.*server/,
    });
  });

  test('every option that a context is made of is refused beside it', () => {
    const values: Record<string, unknown> = {
      alpn: ['a'],
      ca: CA,
      cert,
      ciphers: 'DEFAULT',
      ecdhCurve: 'auto',
      key,
      passphrase: 'x',
      psk: { a: Buffer.alloc(16) },
      pskIdentityHint: 'x',
      rejectUnauthorized: true,
      requestCert: true,
      sessionIdContext: 'x',
      sni: { a: context },
      srtp: 'SRTP_AEAD_AES_128_GCM',
      ticketKeys: Buffer.alloc(80),
      minVersion: 'DTLSv1.3',
    };
    for (const [name, value] of Object.entries(values)) {
      const options = { port: 0, host: '127.0.0.1', secureContext: context, [name]: value };
      assert.throws(() => serve(ignore, options), {
        code: VALUE,
        message: new RegExp(`options\\.${name}'? cannot be combined with options\\.secureContext`),
      });
    }
  });

  test('options of endpoints stand beside it', async () => {
    const endpoint = listen(ignore, {
      secureContext: context,
      host: '127.0.0.1',
      port: 0,
      mtu: 500,
      maxSessions: 5,
    });
    await endpoint.close();
  });
});

suite('a server name', () => {
  test('of more than 255 characters is refused with the code of node:dtls, a shorter one that is none with VALUE', () => {
    assert.throws(() => connect('127.0.0.1', 9, { servername: 'a'.repeat(256) }), {
      code: 'ERR_CRYPTO_OPERATION_FAILED',
      message: /options\.servername has 256 characters/,
    });
    assert.throws(() => connect('127.0.0.1', 9, { servername: 'a'.repeat(255) }), { code: VALUE });
  });
});
