import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BEHAVIOUR_OPTIONS, resolveBehaviour } from '#lib/config/behaviour.js';
import type { Role } from '#lib/config/config.js';
import type { ConnectionIdOption } from '#lib/config/connection-ids.js';
import { SECURITY_OPTIONS } from '#lib/config/options.js';
import { type Platform, resolveSecurity } from '#lib/config/resolve.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { DEFAULT_SCHEMES } from '#lib/crypto/signatures.js';
import { FACTS_12, FACTS_13 } from '#lib/wire/version.js';
import { readCertificates } from '#lib/x509/pem.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { CA, CLIENTS, OTHER_CA, SERVERS } from '../support/identities.js';

const PLATFORM_TRUST = new TrustStore([]);
const PLATFORM: Platform = {
  provider: nodeProvider,
  versions: [FACTS_13, FACTS_12],
  defaultTrust: () => PLATFORM_TRUST,
  describeCertificate: (der: Uint8Array) => der,
};
const HEX = 'ab'.repeat(32);

function resolve(options: Record<string, unknown>, role: Role = 'server') {
  return resolveSecurity(options, role, PLATFORM);
}

/** Some options are for one side alone. */
function resolveEither(options: Record<string, unknown>) {
  const forClients = ['keyShares', 'checkServerIdentity', 'maxFragmentLength'].some(
    (name) => name in options,
  );
  return resolve(options, forClients ? 'client' : 'server');
}

function behave(options: Record<string, unknown>) {
  return resolveBehaviour(options, false);
}

/** Option, wrong value, code, and what the message has to say beyond the option's name. */
type Mistake = readonly [option: string, value: unknown, code: string, says?: RegExp];

const SECURITY_MISTAKES: readonly Mistake[] = [
  ['ca', 5, 'ERR_INVALID_ARG_TYPE', /string/],
  ['ca', [CA, {}], 'ERR_INVALID_ARG_TYPE', /Object/],
  ['ca', 'no certificate', 'ERR_CRYPTO_OPERATION_FAILED', /CA certificate/],
  ['certificateTypes', 'X509', 'ERR_INVALID_ARG_TYPE', /array/],
  ['certificateTypes', ['X.509'], 'ERR_INVALID_ARG_VALUE', /X509, RawPublicKey/],
  ['peerCertificateTypes', [], 'ERR_INVALID_ARG_VALUE', /at least one/],
  ['checkServerIdentity', 'localhost', 'ERR_INVALID_ARG_TYPE', /function/],
  ['verifyPeer', true, 'ERR_INVALID_ARG_TYPE', /function/],
  ['pskHideUnknown', 1, 'ERR_INVALID_ARG_TYPE', /boolean/],
  ['pskHideUnknown', true, 'ERR_INVALID_ARG_VALUE', /options\.psk/],
  ['maxEarlyData', '5', 'ERR_INVALID_ARG_TYPE', /number/],
  ['maxEarlyData', -1, 'ERR_OUT_OF_RANGE'],
  ['maxEarlyData', 65_537, 'ERR_OUT_OF_RANGE', /65536/],
  ['replayGuard', true, 'ERR_INVALID_ARG_TYPE', /function/],
  ['cryptoProvider', () => ({}), 'ERR_INVALID_ARG_TYPE', /object/],
  ['cryptoProvider', { aead: {} }, 'ERR_INVALID_ARG_VALUE', /aeads/],
  ['replayGuard', () => true, 'ERR_INVALID_ARG_VALUE', /maxEarlyData/],
  ['sessionCacheSize', '5', 'ERR_INVALID_ARG_TYPE', /number/],
  ['sessionCacheSize', -1, 'ERR_OUT_OF_RANGE'],
  ['sessionCacheSize', 250_001, 'ERR_OUT_OF_RANGE', /250000/],
  ['sessionIdContext', 5, 'ERR_INVALID_ARG_TYPE', /string/],
  ['sessionIdContext', 'é'.repeat(17), 'ERR_OUT_OF_RANGE', /32/],
  ['sessionTimeout', '60', 'ERR_INVALID_ARG_TYPE', /number/],
  ['sessionTimeout', 0, 'ERR_OUT_OF_RANGE'],
  ['sessionTimeout', 604_801, 'ERR_OUT_OF_RANGE', /604800/],
  ['ticketKeys', true, 'ERR_INVALID_ARG_TYPE'],
  ['ticketKeys', 'k'.repeat(80), 'ERR_INVALID_ARG_TYPE', /Buffer/],
  ['ticketKeys', new Uint8Array(79), 'ERR_INVALID_ARG_VALUE', /exactly 80 bytes/],
  ['ticketKeys', [new Uint8Array(80), new Uint8Array(81)], 'ERR_INVALID_ARG_VALUE', /exactly 80 bytes/],
  ['ticketKeys', [], 'ERR_INVALID_ARG_VALUE', /at least one/],
  ['ticketKeys', Array.from({ length: 17 }, () => new Uint8Array(80)), 'ERR_OUT_OF_RANGE', /16/],
  ['recordSizeLimit', '512', 'ERR_INVALID_ARG_TYPE', /number/],
  ['recordSizeLimit', 63, 'ERR_OUT_OF_RANGE', />= 64/],
  ['recordSizeLimit', 16_386, 'ERR_OUT_OF_RANGE', /16385/],
  ['maxFragmentLength', 1000, 'ERR_INVALID_ARG_VALUE', /512, 1024, 2048, 4096/],
  ['sni', 'a.example', 'ERR_INVALID_ARG_TYPE', /object/],
  ['sni', {}, 'ERR_INVALID_ARG_VALUE', /at least one/],
  ['alpn', 'h3', 'ERR_INVALID_ARG_TYPE', /array/],
  ['srtp', 'SRTP_NULL', 'ERR_CRYPTO_OPERATION_FAILED', /'SRTP_NULL'/],
  ['ciphers', 5, 'ERR_INVALID_ARG_TYPE', /number/],
  ['ciphers', [5], 'ERR_INVALID_ARG_TYPE'],
  ['ciphers', '', 'ERR_INVALID_ARG_VALUE', /at least one/],
  ['ciphers', [], 'ERR_INVALID_ARG_VALUE'],
  ['ciphers', ' : ', 'ERR_INVALID_ARG_VALUE'],
  ['ciphers', 'RC4-SHA', 'ERR_CRYPTO_OPERATION_FAILED', /'RC4-SHA'/],
  ['ciphers', ['ECDHE-ECDSA-AES128-GCM-SHA256', 'toString'], 'ERR_CRYPTO_OPERATION_FAILED', /'toString'/],
  ['groups', true, 'ERR_INVALID_ARG_TYPE', /boolean/],
  ['groups', [], 'ERR_INVALID_ARG_VALUE'],
  ['groups', 'ffdhe2048', 'ERR_CRYPTO_OPERATION_FAILED', /'ffdhe2048'/],
  ['groups', 'x25519:constructor', 'ERR_CRYPTO_OPERATION_FAILED', /'constructor'/],
  ['ecdhCurve', 7, 'ERR_INVALID_ARG_TYPE'],
  ['ecdhCurve', 'secp112r1', 'ERR_CRYPTO_OPERATION_FAILED'],
  ['keyShares', 5, 'ERR_INVALID_ARG_TYPE'],
  ['keyShares', 'ffdhe2048', 'ERR_CRYPTO_OPERATION_FAILED'],
  ['sigalgs', null, 'ERR_INVALID_ARG_TYPE', /null/],
  ['sigalgs', [null], 'ERR_INVALID_ARG_TYPE'],
  ['sigalgs', '', 'ERR_INVALID_ARG_VALUE'],
  ['sigalgs', 'rsa_pkcs1_sha1', 'ERR_CRYPTO_OPERATION_FAILED', /'rsa_pkcs1_sha1'/],
  ['sigalgs', 'hasOwnProperty', 'ERR_CRYPTO_OPERATION_FAILED'],
  ['minVersion', 1.2, 'ERR_INVALID_ARG_TYPE'],
  ['minVersion', 'TLSv1.2', 'ERR_INVALID_ARG_VALUE', /DTLSv1\.2/],
  ['maxVersion', {}, 'ERR_INVALID_ARG_TYPE'],
  ['maxVersion', 'DTLSv1', 'ERR_INVALID_ARG_VALUE'],
  ['pfx', 5, 'ERR_INVALID_ARG_TYPE', /number/],
  ['pins', `sha256:${HEX}`, 'ERR_INVALID_ARG_TYPE', /array/],
  ['psk', 'key', 'ERR_INVALID_ARG_TYPE'],
  ['psk', {}, 'ERR_INVALID_ARG_VALUE', /at least one/],
  ['psk', new Map(), 'ERR_INVALID_ARG_VALUE', /at least one/],
  ['psk', { me: 'secret' }, 'ERR_INVALID_ARG_TYPE', /psk\.me/],
  ['psk', { me: new Uint8Array(0) }, 'ERR_INVALID_ARG_VALUE', /psk\.me.*empty/],
  ['psk', { '': new Uint8Array(1) }, 'ERR_INVALID_ARG_VALUE', /empty/],
  ['psk', { '\ud800': new Uint8Array(1) }, 'ERR_INVALID_ARG_VALUE', /well-formed/],
  ['psk', { me: new Uint8Array(65_536) }, 'ERR_OUT_OF_RANGE', /65535/],
  ['pskIdentityHint', 'hint', 'ERR_INVALID_ARG_VALUE', /options\.psk/],
  ['pskModes', 'psk_ke', 'ERR_INVALID_ARG_VALUE', /options\.psk/],
  ['requestCert', 1, 'ERR_INVALID_ARG_TYPE', /boolean/],
  ['crl', 'none', 'ERR_OSSL_PEM_NO_START_LINE', /CRL/],
  ['requestOCSP', 'yes', 'ERR_INVALID_ARG_TYPE', /boolean/],
  ['requireOCSP', 1, 'ERR_INVALID_ARG_TYPE', /boolean/],
  ['ocspResponse', new Uint8Array(3), 'ERR_INVALID_ARG_VALUE', /options\.cert/],
  ['rejectUnauthorized', 'no', 'ERR_INVALID_ARG_TYPE', /boolean/],
  ['rejectUnauthorized', null, 'ERR_INVALID_ARG_TYPE'],
];

const BEHAVIOUR_MISTAKES: readonly Mistake[] = [
  ['mtu', '1200', 'ERR_INVALID_ARG_TYPE', /number/],
  ['mtu', 1200.5, 'ERR_OUT_OF_RANGE', /integer/],
  ['mtu', Number.NaN, 'ERR_OUT_OF_RANGE'],
  ['mtu', 255, 'ERR_OUT_OF_RANGE', />= 256 && <= 65535/],
  ['mtu', 65_536, 'ERR_OUT_OF_RANGE'],
  ['allowHalfOpen', 1, 'ERR_INVALID_ARG_TYPE', /boolean/],
  ['recordsPerKey', '5', 'ERR_INVALID_ARG_TYPE', /number/],
  ['recordsPerKey', 0, 'ERR_OUT_OF_RANGE'],
  ['recordsPerKey', 1.5, 'ERR_OUT_OF_RANGE'],
  ['keepAlive', 1000, 'ERR_INVALID_ARG_TYPE', /object/],
  ['keepAlive.interval', '1000', 'ERR_INVALID_ARG_TYPE'],
  ['keepAlive.interval', 999, 'ERR_OUT_OF_RANGE', /1000/],
  ['connectionId', 'on', 'ERR_INVALID_ARG_TYPE', /boolean or number/],
  ['connectionId', 21, 'ERR_OUT_OF_RANGE', /20/],
  ['connectionId', -1, 'ERR_OUT_OF_RANGE'],
  ['connectionId.length', 0, 'ERR_OUT_OF_RANGE'],
  ['connectionId.length', 21, 'ERR_OUT_OF_RANGE'],
  ['connectionId.generate', 'random', 'ERR_INVALID_ARG_TYPE'],
  ['hibernateAfter', '1', 'ERR_INVALID_ARG_TYPE'],
  ['hibernateAfter', -1, 'ERR_OUT_OF_RANGE'],
  ['hibernateAfter', 2 ** 31, 'ERR_OUT_OF_RANGE'],
  ['returnRoutability', 'off', 'ERR_INVALID_ARG_VALUE', /enhanced/],
  ['idleTimeout', '1', 'ERR_INVALID_ARG_TYPE'],
  ['idleTimeout', -1, 'ERR_OUT_OF_RANGE'],
  ['handshakeTimeout', true, 'ERR_INVALID_ARG_TYPE'],
  ['handshakeTimeout', -1, 'ERR_OUT_OF_RANGE'],
  ['handshakeTimeout', 0.5, 'ERR_OUT_OF_RANGE'],
  ['handshakeTimeout', Number.POSITIVE_INFINITY, 'ERR_OUT_OF_RANGE'],
  ['retransmission', 1000, 'ERR_INVALID_ARG_TYPE', /object/],
  ['retransmission', [], 'ERR_INVALID_ARG_TYPE'],
  ['retransmission', null, 'ERR_INVALID_ARG_TYPE'],
  ['retransmission.initial', '1000', 'ERR_INVALID_ARG_TYPE'],
  ['retransmission.initial', 9, 'ERR_OUT_OF_RANGE'],
  ['retransmission.initial', 600_001, 'ERR_OUT_OF_RANGE'],
  ['retransmission.max', '1000', 'ERR_INVALID_ARG_TYPE'],
  ['retransmission.max', 9, 'ERR_OUT_OF_RANGE'],
  ['retransmission.max', 999, 'ERR_OUT_OF_RANGE', /1000/],
  ['retransmission.max', 600_001, 'ERR_OUT_OF_RANGE'],
];

suite('mistakes in options', () => {
  for (const [name, mistakes, read] of [
    ['security', SECURITY_MISTAKES, resolveEither],
    ['behaviour', BEHAVIOUR_MISTAKES, behave],
  ] as const) {
    for (const [option, value, code, says = /./] of mistakes) {
      test(`${name}: ${option} = ${JSON.stringify(value)} throws ${code}`, () => {
        assert.throws(
          () => read(nest(option, value)),
          (error: Error & { code: string }) => {
            assert.equal(error.code, code);
            assert.ok(error.message.includes(`options.${option}`), error.message);
            assert.match(error.message, says);
            return true;
          },
        );
      });
    }
  }

  test('every option of the lists has a mistake above or a test below', () => {
    const tested = new Set([
      ...[...SECURITY_MISTAKES, ...BEHAVIOUR_MISTAKES].map(([option]) => option.split('.')[0]),
      ...['cert', 'key', 'passphrase'],
    ]);
    assert.deepEqual(
      Object.keys({ ...SECURITY_OPTIONS, ...BEHAVIOUR_OPTIONS }).filter((option) => !tested.has(option)),
      [],
    );
  });

  test('a malformed pin is named by its index', () => {
    for (const pin of ['', 'sha256', `sha1:${HEX}`, `sha256:${HEX}00`, `sha256:${HEX.slice(2)}`, 5, null]) {
      assert.throws(() => resolve({ pins: [`sha256:${HEX}`, pin] }), {
        code: 'ERR_INVALID_ARG_VALUE',
        message: /options\.pins\[1\]/,
      });
    }
  });

  test('requestCert is refused on a client', () => {
    assert.throws(() => resolve({ requestCert: false }, 'client'), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.requestCert/,
    });
  });

  test('keyShares is refused on a server', () => {
    assert.throws(() => resolve({ keyShares: 'x25519' }, 'server'), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.keyShares/,
    });
  });

  test('no version is left when minVersion is above maxVersion, or no suite fits', () => {
    assert.throws(() => resolve({ minVersion: 'DTLSv1.3', maxVersion: 'DTLSv1.2' }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.minVersion/,
    });
    const ciphers = 'TLS_AES_128_GCM_SHA256';
    assert.throws(() => resolve({ ciphers, maxVersion: 'DTLSv1.2' }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.ciphers/,
    });
  });

  test('an unknown option is named, and passes where it is undefined', () => {
    assert.throws(() => resolve({ cihpers: 'x' }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.cihpers/,
    });
    resolve({ cihpers: undefined, ciphers: 'DEFAULT' });
  });
});

suite('certificates and keys', () => {
  const { cert, key } = SERVERS.ed25519;

  test('one or more certificates and keys are matched and parsed', () => {
    const { identities } = resolve({ cert: [SERVERS.p256.cert, cert], key: [SERVERS.p256.key, key] });
    assert.deepEqual(
      identities.map((identity) => identity.key.type),
      ['p256', 'ed25519'],
    );
    assert.ok(identities.every(({ chain }) => chain.length === 1));
  });

  test('a certificate chain keeps its order', () => {
    const [identity] = resolve({ cert: cert + CA, key }).identities;
    assert.equal(identity?.chain.length, 2);
    assert.deepEqual(identity.leaf?.der, identity.chain[0]);
  });

  test('certificates and keys may be bytes', () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    assert.equal(resolve({ cert: bytes(cert), key: bytes(key), ca: bytes(CA) }).identities.length, 1);
  });

  const mistakes: readonly [string, Record<string, unknown>, string, RegExp][] = [
    ['a certificate without a key', { cert }, 'ERR_MISSING_ARGS', /options\.key/],
    ['a key without a certificate', { key }, 'ERR_MISSING_ARGS', /options\.cert/],
    ['two certificates and one key', { cert: [cert, cert], key }, 'ERR_INVALID_ARG_VALUE', /options\.key/],
    ['a certificate of the wrong type', { cert: 5, key }, 'ERR_INVALID_ARG_TYPE', /options\.cert/],
    ['a key of the wrong type', { cert, key: {} }, 'ERR_INVALID_ARG_TYPE', /options\.key/],
    [
      'a passphrase of the wrong type',
      { cert, key, passphrase: 5 },
      'ERR_INVALID_ARG_TYPE',
      /options\.passphrase/,
    ],
    ['an invalid certificate', { cert: 'x', key }, 'ERR_OSSL_PEM_NO_START_LINE', /options\.cert/],
    ['an invalid key', { cert, key: 'x' }, 'ERR_OSSL_UNSUPPORTED', /options\.key/],
    [
      "another certificate's key",
      { cert, key: CLIENTS.ed25519.key },
      'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
      /options\.key/,
    ],
    [
      'a key of another kind',
      { cert, key: SERVERS.rsa.key },
      'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
      /options\.key/,
    ],
  ];
  for (const [what, options, code, says] of mistakes) {
    test(`certificates and keys, ${what}: ${code}`, () => {
      assert.throws(() => resolve(options), { code, message: says });
    });
  }
});

suite('what options resolve to', () => {
  test('without options there are the defaults, and no application functions', () => {
    const resolved = resolve({});
    assert.deepEqual(
      [resolved.rejectUnauthorized, resolved.requestCert, resolved.identities, resolved.pins],
      [true, false, [], []],
    );
    assert.deepEqual(resolved.sigalgs, DEFAULT_SCHEMES);
    assert.equal(resolved.trust(), PLATFORM_TRUST);
    assert.ok(resolved.suites.length > 0 && resolved.groups.includes('x25519'));
    assert.ok(Object.isFrozen(resolved));
    const unset = Object.entries(resolved).filter(([, value]) => value === undefined);
    assert.deepEqual(unset.map(([name]) => name).sort(), [
      'checkServerIdentity',
      'crls',
      'findStaple',
      'maxFragmentLength',
      'sni',
      'verifyPeer',
    ]);
    assert.deepEqual(behave({}), {
      mtu: 1200,
      handshakeTimeout: 60_000,
      idleTimeout: { client: 0, server: 1_800_000 },
      hibernateAfter: 60_000,
      keepAlive: undefined,
      returnRoutability: 'basic',
      connectionIds: { client: { length: 0, generate: undefined }, server: undefined },
      allowHalfOpen: false,
      recordsPerKey: Number.MAX_SAFE_INTEGER,
      retransmission: { initial: 1000, max: 60_000 },
      trace: false,
    });
  });

  test('undefined equals an absent value, for every option', () => {
    const nothing = Object.fromEntries(Object.keys(SECURITY_OPTIONS).map((name) => [name, undefined]));
    const [left, right] = [resolve(nothing, 'client'), resolve({}, 'client')];
    for (const key of Object.keys(right) as (keyof typeof right)[]) assert.deepEqual(left[key], right[key]);
    assert.deepEqual(
      behave({ mtu: undefined, handshakeTimeout: undefined, retransmission: undefined }),
      behave({}),
    );
  });

  test('CAs replace the platform’s, and an empty list trusts no CA', () => {
    assert.notEqual(resolve({ ca: [CA, OTHER_CA] }).trust(), PLATFORM_TRUST);
    assert.notEqual(resolve({ ca: [] }).trust(), PLATFORM_TRUST);
  });

  test('suites, groups and schemes resolve in their order, by any of their names, each once', () => {
    const iana = 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384';
    const openssl = 'ECDHE-ECDSA-CHACHA20-POLY1305';
    for (const ciphers of [`${openssl}:${iana}:${openssl}`, [openssl, iana, ` ${openssl} `]]) {
      assert.deepEqual(
        resolve({ ciphers }).suites.map((s) => s.opensslName),
        [openssl, 'ECDHE-RSA-AES256-GCM-SHA384'],
      );
    }
    assert.deepEqual(resolve({ groups: 'P-384:prime256v1:X25519:secp384r1' }).groups, [
      'secp384r1',
      'secp256r1',
      'x25519',
    ]);
    assert.deepEqual(resolve({ sigalgs: ['ed25519', 'rsa_pss_rsae_sha256'] }).sigalgs, [
      'ed25519',
      'rsa_pss_rsae_sha256',
    ]);
  });

  test('DEFAULT means the default suites, auto the default groups', () => {
    const { suites, groups } = resolve({});
    assert.deepEqual(resolve({ ciphers: 'DEFAULT' }).suites, suites);
    const led = resolve({ ciphers: 'ECDHE-ECDSA-AES128-CCM8:DEFAULT' }).suites;
    assert.deepEqual(led.slice(1), suites);
    assert.deepEqual(resolve({ ecdhCurve: 'auto' }).groups, groups);
  });

  test('ecdhCurve is another name of groups, and must not differ from it', () => {
    assert.deepEqual(resolve({ ecdhCurve: 'P-256' }).groups, ['secp256r1']);
    assert.deepEqual(resolve({ groups: ['secp256r1'], ecdhCurve: 'P-256' }).groups, ['secp256r1']);
    for (const ecdhCurve of ['P-256', 'auto', 'x25519:P-256'])
      assert.throws(() => resolve({ groups: 'x25519', ecdhCurve }), {
        code: 'ERR_INVALID_ARG_VALUE',
        message: /options\.ecdhCurve.*options\.groups/,
      });
  });

  test('auto is the default list of groups, and no key share', () => {
    assert.deepEqual(resolve({ groups: 'auto' }).groups, resolve({}).groups);
    assert.throws(() => resolve({ keyShares: 'auto' }, 'client'), { code: 'ERR_CRYPTO_OPERATION_FAILED' });
  });

  test('the ends of every range are accepted', () => {
    for (const options of [
      { mtu: 256 },
      { mtu: 65_535 },
      { handshakeTimeout: 0 },
      { handshakeTimeout: Number.MAX_SAFE_INTEGER },
    ])
      assert.deepEqual({ ...behave({}), ...options }, behave(options));
    assert.deepEqual(behave({ retransmission: { initial: 10, max: 10 } }).retransmission, {
      initial: 10,
      max: 10,
    });
    assert.deepEqual(behave({ retransmission: { initial: 50 } }).retransmission, {
      initial: 50,
      max: 60_000,
    });
    assert.deepEqual(behave({ retransmission: { max: 5000 } }).retransmission, { initial: 1000, max: 5000 });
  });

  test('connection IDs have the length that is asked for, by whichever role', () => {
    const policy = (connectionId: ConnectionIdOption) =>
      resolveBehaviour({ connectionId }, false).connectionIds;
    const random = (length: number) => ({ length, generate: undefined });
    assert.deepEqual(policy(true), { client: random(8), server: random(8) });
    assert.deepEqual(policy(false), { client: undefined, server: undefined });
    assert.deepEqual(policy(0), { client: random(0), server: random(0) });
    assert.deepEqual(policy({ length: 20 }), { client: random(20), server: random(20) });
    const generate = () => new Uint8Array(3);
    assert.deepEqual(policy({ generate }).server, { length: undefined, generate });
    assert.deepEqual(policy({ length: 3, generate }).server, { length: 3, generate });
  });

  test('an object without a field says nothing about connection IDs', () => {
    assert.throws(() => resolveBehaviour({ connectionId: {} }, false), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /must have length or generate/,
    });
  });

  test('tracing is requested by the caller of the core, not by an option', () => {
    assert.equal(resolveBehaviour({}, true).trace, true);
  });
});

suite('a platform of two fields', () => {
  const platform: Platform = { provider: nodeProvider, versions: [FACTS_13, FACTS_12] };

  test('trusts no certificate by default, and describes one by its DER', () => {
    const seen: unknown[] = [];
    const checkServerIdentity = (_: string, certificate: never): undefined => void seen.push(certificate);
    const security = resolveSecurity({ checkServerIdentity }, 'client', platform);
    assert.equal(security.trust().size, 0);
    const der = Uint8Array.of(0x30, 0);
    void security.checkServerIdentity?.('localhost', der);
    assert.deepEqual(seen, [der]);
  });

  test('trusts nothing that a polluted prototype holds', () => {
    const polluted: PropertyDescriptorMap = {
      defaultTrust: { value: () => TrustStore.fromDer(readCertificates(CA, 'ca')), configurable: true },
    };
    Object.defineProperties(Object.prototype, polluted);
    try {
      assert.equal(resolveSecurity({}, 'client', platform).trust().size, 0);
    } finally {
      delete (Object.prototype as { defaultTrust?: unknown }).defaultTrust;
    }
  });
});

/** `a.b` = 5 as `{ a: { b: 5 } }`. */
function nest(option: string, value: unknown): Record<string, unknown> {
  const [outer = '', inner] = option.split('.');
  return { [outer]: inner === undefined ? value : { [inner]: value } };
}
