import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Security } from '#lib/config/config.js';
import { SECURITY_OPTIONS } from '#lib/config/options.js';
import { resolveSecurity } from '#lib/config/resolve.js';
import { createSecureContext, type ListenOptions, listen } from '#lib/index.js';
import { CA, OTHER_CA, SERVERS } from '../../support/identities.js';
import { PLATFORM, security } from '../../support/settings.js';

const { ed25519, p256, rsa } = SERVERS;
const PIN = `sha256:${'ab'.repeat(32)}`;

function context(options: Record<string, unknown>) {
  return createSecureContext({ isServer: true, ...ed25519, ...options });
}

/** What `name` is served with on an endpoint with these options. */
function named(options: Record<string, unknown>, name = 'a'): Security {
  const endpoint = security('server', 'DTLSv1.3', options);
  const found = endpoint.sni?.(name);
  assert.ok(found !== undefined && !('then' in found));
  return found;
}

suite('the option sni', () => {
  const server = createSecureContext({ isServer: true, ...p256 });
  const mistakes: readonly [string, unknown, string, RegExp?][] = [
    ['null', null, 'ERR_INVALID_ARG_TYPE'],
    ['a string', 'a.example', 'ERR_INVALID_ARG_TYPE'],
    ['an array', [p256], 'ERR_INVALID_ARG_TYPE'],
    ['an empty map', {}, 'ERR_INVALID_ARG_VALUE', /at least one/],
    ['an empty Map', new Map(), 'ERR_INVALID_ARG_VALUE', /at least one/],
    ['a name twice, in another case', { 'a.b': p256, 'A.B': rsa }, 'ERR_INVALID_ARG_VALUE', /'a\.b' twice/],
    ['an empty name', { '': p256 }, 'ERR_INVALID_ARG_VALUE', /host names/],
    ['a pattern, which would match nothing', { '*.example': p256 }, 'ERR_INVALID_ARG_VALUE', /\*\.example/],
    [
      'a name in letters that are not on the wire',
      { 'bücher.example': p256 },
      'ERR_INVALID_ARG_VALUE',
      /bücher/,
    ],
    ['a name with an empty label', { 'a..b': p256 }, 'ERR_INVALID_ARG_VALUE'],
    ['a name that is longer than any', { ['a'.repeat(256)]: p256 }, 'ERR_INVALID_ARG_VALUE'],
    ['a key of a Map that is no string', new Map([[5, p256]]), 'ERR_INVALID_ARG_VALUE'],
    ['an identity that is no object', { a: 'p256' }, 'ERR_INVALID_ARG_TYPE', /options\.sni\['a'\]/],
    ['an identity that is null', { a: null }, 'ERR_INVALID_ARG_TYPE', /null/],
    ['a context of a client', { a: createSecureContext() }, 'ERR_INVALID_ARG_VALUE', /isServer/],
    ['options of a client', { a: { ...p256, isServer: false } }, 'ERR_INVALID_ARG_VALUE', /isServer/],
    ['an unknown option', { a: { ...p256, cart: 1 } }, 'ERR_INVALID_ARG_VALUE', /options\.cart/],
    [
      'an option of clients',
      { a: { ...p256, checkServerIdentity: () => undefined } },
      'ERR_INVALID_ARG_VALUE',
    ],
    [
      'a certificate without its key',
      { a: { cert: p256.cert } },
      'ERR_MISSING_ARGS',
      /\['a'\].*options\.key/,
    ],
    ['the key of another', { a: { ...p256, key: rsa.key } }, 'ERR_OSSL_X509_KEY_VALUES_MISMATCH', /\['a'\]/],
    ['pins without requestCert', { a: { ...p256, pins: [PIN] } }, 'ERR_INVALID_ARG_VALUE', /requestCert/],
  ];
  for (const [what, sni, code, message = /sni/] of mistakes) {
    test(`sni with ${what} is refused with ${code}`, () => {
      assert.throws(() => context({ sni }), { code, message });
    });
  }

  const values: Record<string, unknown> = {
    ...{ ciphers: 'TLS_AES_128_GCM_SHA256', groups: 'x25519', ecdhCurve: 'x25519' },
    ...{ minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3', sni: { b: p256 }, recordSizeLimit: 512 },
    ...{ ticketKeys: false, sessionTimeout: 60, sessionIdContext: 'b', sessionCacheSize: 5 },
    ...{ maxEarlyData: 100, cryptoProvider: {} },
  };
  for (const [option, value] of Object.entries(values)) {
    test(`${option}, which is the same for all names, is refused under one, as options and in a context`, () => {
      const identity = { ...p256, [option]: value };
      const expected = {
        code: 'ERR_INVALID_ARG_VALUE',
        message: new RegExp(`options\\.${option}' is the same`),
      };
      assert.throws(() => context({ sni: { a: identity } }), expected);
      assert.throws(
        () => context({ sni: { a: createSecureContext({ ...identity, isServer: true }) } }),
        expected,
      );
    });
  }

  test('pskModes is the same for all names', () => {
    const identity = { ...p256, psk: { sensor: Buffer.alloc(16, 1) }, pskModes: 'psk_ke' };
    const expected = { code: 'ERR_INVALID_ARG_VALUE', message: /options\.pskModes' is the same/ };
    assert.throws(() => context({ sni: { a: identity } }), expected);
    assert.ok(context({ sni: { a: { ...p256, psk: identity.psk } }, pskModes: 'psk_ke' }));
  });

  test('replayGuard is the same for all names', () => {
    const early = { maxEarlyData: 100, replayGuard: () => true };
    const expected = { code: 'ERR_INVALID_ARG_VALUE', message: /is the same for all names/ };
    assert.throws(() => context({ sni: { a: { ...p256, ...early } } }), expected);
    assert.ok(context({ sni: { a: p256 }, ...early }));
  });

  test('every option of a context is for one name, for all names, or for clients', () => {
    const ofUs =
      'cert key pfx passphrase certificateTypes ocspResponse psk pskHideUnknown pskIdentityHint sigalgs alpn srtp';
    const ofPeers =
      'ca crl pins peerCertificateTypes requestCert rejectUnauthorized requestOCSP requireOCSP verifyPeer';
    const own = `${ofUs} ${ofPeers}`.split(' ');
    const clients = ['checkServerIdentity', 'keyShares', 'maxFragmentLength'];
    assert.deepEqual(
      [...own, ...clients, ...Object.keys(values), 'pskModes', 'replayGuard'].sort(),
      Object.keys(SECURITY_OPTIONS).sort(),
    );
  });

  test('sni is refused on a client', () => {
    const options = { sni: { a: p256 } };
    assert.throws(() => createSecureContext(options), { code: 'ERR_INVALID_ARG_VALUE', message: /server/ });
  });

  test('sni replaces a certificate, but each name needs one', () => {
    const options = (sni: ListenOptions['sni']): ListenOptions => ({ host: '127.0.0.1', port: 0, sni });
    const endpoint = listen(() => undefined, options({ a: server }));
    endpoint.destroy();
    const bare = { code: 'ERR_MISSING_ARGS', message: /options\.sni\['a'\].*options\.cert/ };
    assert.throws(() => listen(() => undefined, options({ a: { alpn: ['x'] } })), bare);
  });

  test('sni cannot be combined with a context', () => {
    assert.throws(
      () =>
        listen(() => undefined, { host: '127.0.0.1', port: 0, secureContext: server, sni: { a: server } }),
      { code: 'ERR_INVALID_ARG_VALUE', message: /options\.sni/ },
    );
  });
});

suite('what a name is served with', () => {
  test("an option of a name is its own where given, otherwise the endpoint's", () => {
    const options = { requestCert: true, alpn: ['x'], sni: { a: { ...rsa, alpn: ['y'] } } };
    const endpoint = security('server', 'DTLSv1.3', options);
    const found = named(options);
    assert.notDeepEqual(found.identities, endpoint.identities);
    assert.notDeepEqual(found.alpn, endpoint.alpn);
    assert.equal(found.requestCert, true);
    assert.equal(found.trust, endpoint.trust);
    assert.equal(found.suites, endpoint.suites);
  });

  test("an option that a context leaves out is the endpoint's", () => {
    const a = createSecureContext({ isServer: true, ...rsa });
    const openContext = (object: object): Security | undefined =>
      object === a ? resolveSecurity(rsa, 'server', PLATFORM) : undefined;
    const endpoint = { ...ed25519, ca: CA, requestCert: true, rejectUnauthorized: false, sni: { a } };
    const found = resolveSecurity(endpoint, 'server', { ...PLATFORM, openContext }).sni?.('a');
    assert.ok(found !== undefined && !('then' in found));
    assert.deepEqual([found.requestCert, found.rejectUnauthorized], [true, false]);
    assert.notEqual(found.identities.length, 0);
  });

  test('a name has its own CA alone, though its endpoint has pins', () => {
    const found = named({ pins: [PIN], requestCert: true, sni: { a: { ca: OTHER_CA } } });
    assert.deepEqual(found.pins, []);
    assert.notEqual(found.trust, named({ sni: { a: {} } }).trust);
  });

  test('a name may have pins where the endpoint requests certificates', () => {
    assert.equal(named({ requestCert: true, sni: { a: { pins: [PIN] } } }).pins.length, 1);
  });

  test("a name's options are checked together with those of the endpoint", () => {
    const keys = { peerCertificateTypes: ['RawPublicKey'] };
    const asks = { requestCert: true, ca: undefined, verifyPeer: () => true };
    assert.deepEqual(named({ ...asks, sni: { a: keys } }).peerCertificateTypes, ['RawPublicKey']);
    const unjudged = { ...asks, verifyPeer: undefined, sni: { a: keys } };
    assert.throws(() => named(unjudged), { code: 'ERR_INVALID_ARG_VALUE', message: /no CA vouches/ });
    const useless = { ...asks, ...keys, sni: { a: { ca: CA } } };
    const revoked = { ...asks, crl: [], sni: { a: { pins: [PIN] } } };
    assert.throws(() => named(revoked), { code: 'ERR_INVALID_ARG_VALUE', message: /beside crl/ });
    assert.throws(() => named(useless), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.ca' is of no use/,
    });
  });

  test("a function's answer is read once per object", async () => {
    const identity = { ...rsa };
    const endpoint = security('server', 'DTLSv1.3', { sni: () => Promise.resolve(identity) });
    const first = await endpoint.sni?.('a');
    assert.ok(first !== undefined);
    assert.equal(await endpoint.sni?.('b'), first);
  });
});
