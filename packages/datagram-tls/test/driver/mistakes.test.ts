import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSocket } from '#lib/dgram.js';
import { connect, createSecureContext, DTLSEndpoint, listen } from '#lib/index.js';
import { CA, CLIENTS, SERVERS } from '../support/identities.js';
import { client, echoServer, until } from './echo.js';

const ignore = (): void => undefined;
const base = { host: '127.0.0.1', port: 0, ...SERVERS.p256 };

/** What a caller may get wrong, and the code and name that the error must have. */
const MISTAKES: readonly [string, () => unknown, string, RegExp][] = [
  ['an invalid callback', () => listen(undefined as never, base), 'ERR_INVALID_ARG_TYPE', /onsession/],
  ['no options', () => listen(ignore, null as never), 'ERR_INVALID_ARG_TYPE', /options/],
  ['no port', () => listen(ignore, { ...SERVERS.p256 } as never), 'ERR_MISSING_ARGS', /options\.port/],
  ['no certificate', () => listen(ignore, { port: 0 }), 'ERR_MISSING_ARGS', /options\.cert/],
  ['no key', () => listen(ignore, { port: 0, cert: SERVERS.p256.cert }), 'ERR_MISSING_ARGS', /options\.key/],
  [
    'a port out of range',
    () => listen(ignore, { ...base, port: 65_536 }),
    'ERR_OUT_OF_RANGE',
    /options\.port/,
  ],
  [
    'a misspelt option',
    () => listen(ignore, { ...base, mut: 1200 } as never),
    'ERR_INVALID_ARG_VALUE',
    /options\.mut/,
  ],
  [
    'early data without a receiver',
    () => listen(ignore, { ...base, maxEarlyData: 100 }),
    'ERR_MISSING_ARGS',
    /options\.onearlydata/,
  ],
  [
    'an invalid receiver of early data',
    () => listen(ignore, { ...base, maxEarlyData: 100, onearlydata: true as never }),
    'ERR_INVALID_ARG_TYPE',
    /options\.onearlydata/,
  ],
  [
    'a receiver without early data',
    () => listen(ignore, { ...base, onearlydata: ignore }),
    'ERR_INVALID_ARG_VALUE',
    /options\.onearlydata/,
  ],
  [
    'early data without tickets',
    () => listen(ignore, { ...base, maxEarlyData: 100, ticketKeys: false, onearlydata: ignore }),
    'ERR_INVALID_ARG_VALUE',
    /options\.maxEarlyData/,
  ],
  [
    'early data under keys that others may have, without a guard',
    () => listen(ignore, { ...base, maxEarlyData: 100, ticketKeys: Buffer.alloc(80), onearlydata: ignore }),
    'ERR_INVALID_ARG_VALUE',
    /options\.replayGuard/,
  ],
  [
    'early data below DTLS 1.3',
    () => listen(ignore, { ...base, maxEarlyData: 100, maxVersion: 'DTLSv1.2', onearlydata: ignore }),
    'ERR_INVALID_ARG_VALUE',
    /options\.maxEarlyData/,
  ],
  [
    'early data of one name alone',
    () => listen(ignore, { ...base, sni: { a: { ...SERVERS.p256, maxEarlyData: 100 } } }),
    'ERR_INVALID_ARG_VALUE',
    /options\.maxEarlyData/,
  ],
  [
    'early data that a client would take',
    () => connect('127.0.0.1', 9, { maxEarlyData: 100 } as never),
    'ERR_INVALID_ARG_VALUE',
    /options\.maxEarlyData/,
  ],
  [
    'invalid early data',
    () => connect('127.0.0.1', 9, { earlyData: 5 as never }),
    'ERR_INVALID_ARG_TYPE',
    /options\.earlyData/,
  ],
  [
    'no early data',
    () => connect('127.0.0.1', 9, { earlyData: [] }),
    'ERR_INVALID_ARG_VALUE',
    /options\.earlyData/,
  ],
  [
    'early data larger than a datagram',
    () => connect('127.0.0.1', 9, { earlyData: ['small', Buffer.alloc(1179)] }),
    'ERR_OUT_OF_RANGE',
    /options\.earlyData.*1178/,
  ],
  [
    'more early data than any server of ours takes',
    () => connect('127.0.0.1', 9, { earlyData: Array.from({ length: 70 }, () => Buffer.alloc(1000)) }),
    'ERR_OUT_OF_RANGE',
    /options\.earlyData.*65536/,
  ],
  ['an mtu too small', () => listen(ignore, { ...base, mtu: 255 }), 'ERR_OUT_OF_RANGE', /options\.mtu/],
  [
    'an mtu that is a string',
    () => listen(ignore, { ...base, mtu: '1200' as never }),
    'ERR_INVALID_ARG_TYPE',
    /options\.mtu/,
  ],
  [
    'a key of another certificate',
    () => listen(ignore, { ...base, key: SERVERS.rsa.key }),
    'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
    /options\.key/,
  ],
  ['an invalid key', () => listen(ignore, { ...base, key: 'key' }), 'ERR_OSSL_UNSUPPORTED', /options\.key/],
  [
    'an invalid certificate',
    () => listen(ignore, { ...base, cert: 'cert' }),
    'ERR_OSSL_PEM_NO_START_LINE',
    /options\.cert/,
  ],
  [
    'an unknown cipher',
    () => listen(ignore, { ...base, ciphers: 'ROT13' }),
    'ERR_CRYPTO_OPERATION_FAILED',
    /ROT13/,
  ],
  [
    'an unknown group',
    () => listen(ignore, { ...base, groups: ['x448x'] }),
    'ERR_CRYPTO_OPERATION_FAILED',
    /x448x/,
  ],
  [
    'an unknown scheme',
    () => listen(ignore, { ...base, sigalgs: ['md5'] }),
    'ERR_CRYPTO_OPERATION_FAILED',
    /md5/,
  ],
  [
    'a trace that is no function',
    () => listen(ignore, { ...base, trace: 1 as never }),
    'ERR_INVALID_ARG_TYPE',
    /options\.trace/,
  ],
  ['a host that is no string', () => connect(1 as never, 1), 'ERR_INVALID_ARG_TYPE', /host/],
  [
    'an invalid pin',
    () => connect('127.0.0.1', 1, { pins: ['abc'] }),
    'ERR_INVALID_ARG_VALUE',
    /options\.pins/,
  ],
  [
    'a bind host that is a name',
    () => connect('127.0.0.1', 1, { bindHost: 'localhost' }),
    'ERR_INVALID_ARG_VALUE',
    /bindHost/,
  ],
  [
    'requestCert on a client',
    () => connect('127.0.0.1', 1, { requestCert: true } as never),
    'ERR_INVALID_ARG_VALUE',
    /requestCert/,
  ],
  ['an invalid ca', () => connect('127.0.0.1', 1, { ca: 'x' }), 'ERR_CRYPTO_OPERATION_FAILED', /options\.ca/],
  [
    'a context of the wrong side',
    () =>
      connect('127.0.0.1', 1, { secureContext: createSecureContext({ ...SERVERS.p256, isServer: true }) }),
    'ERR_INVALID_ARG_VALUE',
    /secureContext/,
  ],
  [
    'a context beside its options',
    () => connect('127.0.0.1', 1, { ca: CA, secureContext: createSecureContext() }),
    'ERR_INVALID_ARG_VALUE',
    /options\.ca/,
  ],
  [
    'an invalid context',
    () => connect('127.0.0.1', 1, { secureContext: {} as never }),
    'ERR_INVALID_ARG_TYPE',
    /secureContext/,
  ],
  ['an aborted signal', () => listen(ignore, { ...base, signal: AbortSignal.abort() }), 'ABORT_ERR', /abort/],
  [
    'a timer whose cap is below its start',
    () => connect('127.0.0.1', 1, { retransmission: { initial: 500, max: 100 } }),
    'ERR_OUT_OF_RANGE',
    /retransmission\.max/,
  ],
  ['an invalid port to connect to', () => connect('127.0.0.1', 65_536), 'ERR_OUT_OF_RANGE', /port/],
  [
    'a bind host of the other family',
    () => connect('127.0.0.1', 1, { bindHost: '::1' }),
    'ERR_INVALID_ARG_VALUE',
    /bindHost/,
  ],
  [
    'an invalid server name',
    () => connect('127.0.0.1', 1, { servername: 'a b' }),
    'ERR_INVALID_ARG_VALUE',
    /servername/,
  ],
  [
    'pins of clients that are not asked',
    () => listen(ignore, { ...base, pins: [`sha256:${'ab'.repeat(32)}`] }),
    'ERR_INVALID_ARG_VALUE',
    /options\.pins/,
  ],
  [
    'groups for no version',
    () => connect('127.0.0.1', 1, { groups: 'X25519MLKEM768', maxVersion: 'DTLSv1.2' }),
    'ERR_INVALID_ARG_VALUE',
    /options\.groups/,
  ],
  [
    'null for an identity',
    () => listen(ignore, { ...base, cert: null as never }),
    'ERR_MISSING_ARGS',
    /options\.cert/,
  ],
  [
    'an object without a prototype for a number',
    () => connect('127.0.0.1', 1, { family: Object.create(null) as never }),
    'ERR_INVALID_ARG_VALUE',
    /options\.family/,
  ],
  [
    'an object without a prototype for a name',
    () => listen(ignore, { ...base, sni: new Map([[Object.create(null) as never, SERVERS.p256]]) as never }),
    'ERR_INVALID_ARG_VALUE',
    /options\.sni/,
  ],
  [
    'an object without a prototype for a port to send to',
    () => createSocket('udp4').send('x', Object.create(null) as never),
    'ERR_SOCKET_BAD_PORT',
    /Port/,
  ],
  ['an endpoint of nothing', () => new DTLSEndpoint(null as never), 'ERR_INVALID_ARG_TYPE', /options/],
];

function runtimeCanReusePort(): string | false {
  const [major = 0] = process.versions.node.split('.').map(Number);
  return major > 21 && 'this runtime can share ports';
}

describe('a mistake of the caller', () => {
  for (const [name, make, code, message] of MISTAKES) {
    it(`${name} is thrown at once as ${code}`, () => {
      assert.throws(make, (error: Error & { code?: string | number }) => {
        assert.match(error.message, message);
        if (code !== 'ABORT_ERR') assert.equal(error.code, code);
        return true;
      });
    });
  }

  it('reusePort is refused where the runtime would ignore it', { skip: runtimeCanReusePort() }, () => {
    assert.throws(() => listen(ignore, { ...base, reusePort: true }), {
      code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
    });
  });

  it('a port in use is thrown with the code of the system', async () => {
    const server = echoServer();
    assert.throws(() => listen(ignore, { ...base, port: server.port }), { code: 'EADDRINUSE' });
    await server.endpoint.close();
  });

  it('a host that does not exist rejects opened with the code of the resolver, and leaves nothing open', async () => {
    const session = connect('no-such-host.invalid', 4433);
    await assert.rejects(session.opened, (error: { code?: string }) =>
      /^(ENOTFOUND|EAI_AGAIN)$/.test(error.code ?? ''),
    );
    await session.closed;
    assert.equal(session.endpoint.destroyed, true);
  });

  it("a server host that does not exist rejects the endpoint's opened", async () => {
    const endpoint = listen(ignore, { ...base, host: 'no-such-host.invalid' });
    await assert.rejects(endpoint.opened, (error: { code?: string }) =>
      /^(ENOTFOUND|EAI_AGAIN)$/.test(error.code ?? ''),
    );
    await assert.rejects(endpoint.closed);
  });

  it('an abort ends its session or endpoint', async () => {
    const server = echoServer();
    const abort = new AbortController();
    const session = client(server.port, { signal: abort.signal, ...CLIENTS.p256 });
    await session.opened;
    abort.abort();
    await assert.rejects(session.closed, { name: 'AbortError' });
    await server.endpoint.close();
  });
});

describe('an endpoint', () => {
  it('an endpoint refuses new clients while it is busy, and above its limits', async () => {
    const server = echoServer({ maxSessions: 1 });
    const first = client(server.port);
    await first.opened;
    const second = client(server.port);
    await until(() => server.endpoint.stats.serverRefusedCount > 0n);
    server.endpoint.busy = true;
    const third = client(server.port);
    await until(() => server.endpoint.stats.serverBusyCount > 0n);
    assert.equal(server.sessions.length, 1);
    for (const refused of [second, third]) {
      assert.equal(refused.protocol, undefined);
      refused.destroy();
    }
    await first.close();
    await server.endpoint.close();
  });

  it('an endpoint does not continue a handshake whose session was destroyed in the callback', async () => {
    const endpoint = listen((session) => session.destroy(), base);
    const session = client(endpoint.address?.port ?? 0, { handshakeTimeout: 0 });
    await assert.rejects(session.opened, { code: 'ERR_DTLS_PEER_ALERT', alert: 'close_notify' });
    await endpoint.close();
  });

  it('an endpoint has no address after its end, and keeps its stats', async () => {
    const server = echoServer();
    await server.endpoint.close();
    assert.equal(server.endpoint.address, undefined);
    assert.equal(server.endpoint.stats.isConnected, false);
    assert.equal(
      typeof (JSON.parse(String(server.endpoint.stats)) as Record<string, unknown>)['packetsReceived'],
      'string',
    );
  });
});
