import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { suite, type TestContext, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { groupFits } from '#lib/crypto/groups.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { needsEncryptThenMac, SUITES } from '#lib/crypto/suites.js';
import { decodeSignatureAlgorithms } from '#lib/extensions/signature-algorithms.js';
import { Context } from '#lib/handshake/context.js';
import { readPkcs12 } from '#lib/pkcs12/read.js';
import { ExtensionType, Group, type GroupName, HandshakeType, Scheme } from '#lib/wire/codes.js';
import { decodeCertificateRequest12 } from '#lib/wire/messages/certificate-request12.js';
import { decodeCertificateRequest13 } from '#lib/wire/messages/certificate-request13.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { checkOcspResponse } from '#lib/x509/ocsp.js';
import { verifyPath } from '#lib/x509/path.js';
import { readCertificates } from '#lib/x509/pem.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS, JUDGEMENT_DAY, SERVERS } from '../../support/identities.js';
import { ocspResponse, statusPem } from '../../support/ocsp.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { keyPinOf } from '../../support/pins.js';
import { refused } from '../../support/refused.js';
import { type Lack, restrictedProvider } from '../../support/restricted-provider.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';
import { securityOn, type TestedVersion, VERSIONS } from '../../support/settings.js';
import { encodeCertificate, tlv } from '../../x509/encode.js';
import { certificate, day, parsed, store } from '../../x509/pki.js';

// Siege case E1.

const PSK = Uint8Array.from({ length: 16 }, (_, i) => i);
const KEYS: Record<Role, SecurityOptions> = {
  client: { psk: { identity: 'sensor', key: PSK } },
  server: { psk: { sensor: PSK } },
};
const NO_CERTIFICATE = { cert: undefined, key: undefined };
const NO_SHARED_CIPHER = 'ERR_DTLS_NO_SHARED_CIPHER';
const ROLES = ['client', 'server'] as const satisfies readonly Role[];

function other(role: Role): Role {
  return role === 'client' ? 'server' : 'client';
}

/**
 * A handshake that ends with `alert` on both sides, without a call for what the platform of one of them lacks. In DTLS 1.3 a server
 * may refuse a ClientHello before it has an association.
 */
function endsWith(alert: string, code: string, options: PairOptions): void {
  const pair = new Pair(options).connect();
  pair.runUntil(() => pair.client.isClosed && ['none', 'closed'].includes(pair.server.phase), 10_000);
  pair.explain(() => {
    assert.deepEqual(pair.reached, []);
    assert.equal(pair.client.error?.alert, alert);
    if (pair.version === 'DTLSv1.3' && pair.server.phase === 'none') return;
    assert.deepEqual([pair.server.phase, pair.server.error?.alert], ['closed', alert]);
    const [refusing] = [pair.client, pair.server].filter(({ error }) => error?.source === 'local');
    assert.equal(refusing?.error?.code, code);
  });
}

/** A handshake that succeeds without a call to a missing primitive. */
function succeeds(pair: Pair): Pair {
  assertAlive(pair.handshake());
  assert.deepEqual(pair.reached, []);
  return pair;
}

suite('a peer that offers only a suite that the platform lacks is refused with handshake_failure', () => {
  for (const { name, version, aead, keyExchange } of SUITES) {
    if (keyExchange === 'ecdhe_rsa') continue;
    const psk = keyExchange === 'psk' || keyExchange === 'ecdhe_psk';
    const lack: Lack = aead === undefined ? { cbc: true } : { aeads: [aead] };
    for (const role of ROLES) {
      test(`${name}, ${role} without it: handshake_failure`, () => {
        const base = (side: Role): SecurityOptions =>
          psk
            ? { ...KEYS[side], ...(side === 'server' && { ...NO_CERTIFICATE, ticketKeys: undefined }) }
            : { ...(side === 'server' && { ...SERVERS.p256, ticketKeys: undefined }) };
        const all = { client: base('client'), server: base('server') };
        const peer = other(role);
        const options = { version, ...all, [peer]: { ...all[peer], ciphers: name }, lacks: { [role]: lack } };
        endsWith('handshake_failure', NO_SHARED_CIPHER, options);
      });
    }
  }

  for (const role of ROLES) {
    test(`TLS_AES_256_GCM_SHA384, ${role} without SHA-384: handshake_failure`, () => {
      const peer = { ciphers: 'TLS_AES_256_GCM_SHA384' };
      const lacks = { [role]: { hashes: ['sha384'] } };
      endsWith('handshake_failure', NO_SHARED_CIPHER, { version: 'DTLSv1.3', [other(role)]: peer, lacks });
    });

    test(`TLS_CHACHA20_POLY1305_SHA256, ${role} without its record number encryption: handshake_failure`, () => {
      const peer = { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' };
      const lacks = { [role]: { masks: ['chacha20-poly1305'] } };
      endsWith('handshake_failure', NO_SHARED_CIPHER, { version: 'DTLSv1.3', [other(role)]: peer, lacks });
    });
  }
});

suite('a peer that offers only a group that the platform lacks is refused with handshake_failure', () => {
  for (const version of VERSIONS) {
    for (const group of Object.keys(Group) as GroupName[]) {
      if (!groupFits(group, version)) continue;
      for (const role of ROLES) {
        test(`${version}, ${group}, ${role} without it: handshake_failure`, () => {
          const groups = { [role]: { groups: 'auto' }, [other(role)]: { groups: group } };
          const lacks = { [role]: { groups: [group] } };
          endsWith('handshake_failure', 'ERR_DTLS_NO_SHARED_GROUP', { version, ...groups, lacks });
        });
      }
    }
  }

  test('a server without the group of a key share asks for another group', () => {
    const options: PairOptions = {
      version: 'DTLSv1.3',
      client: { groups: 'secp384r1:secp256r1', keyShares: 'secp384r1' },
      server: { groups: 'auto' },
      lacks: { server: { groups: ['secp384r1'] } },
    };
    const pair = succeeds(new Pair(options));
    assert.equal(pair.server.sessions[0]?.group, 'secp256r1');
  });
});

suite('signatures that the platform lacks', () => {
  for (const version of VERSIONS) {
    test(`${version}: a client without Ed25519 does not offer it, and a server with nothing else refuses`, () => {
      const code = version === 'DTLSv1.3' ? 'ERR_DTLS_NO_SHARED_SIGNATURE' : NO_SHARED_CIPHER;
      endsWith('handshake_failure', code, {
        version,
        client: { rejectUnauthorized: false },
        lacks: { client: { keys: ['ed25519'] } },
      });
    });

    test(`${version}: a server without Ed25519 refuses a client with nothing else`, () => {
      endsWith(
        version === 'DTLSv1.3' ? 'certificate_required' : 'handshake_failure',
        'ERR_DTLS_CERTIFICATE_REQUIRED',
        {
          version,
          client: { ...CLIENTS.ed25519, groups: 'auto', rejectUnauthorized: false },
          server: { ...SERVERS.p256, requestCert: true },
          lacks: { server: { keys: ['ed25519'] } },
        },
      );
    });

    test(`${version}: a server without a scheme signs under another`, () => {
      const pair = succeeds(
        new Pair({
          version,
          client: { ca: undefined, pins: [keyPinOf(SERVERS.rsa.cert)] },
          server: SERVERS.rsa,
          lacks: { server: { schemes: ['rsa_pss_rsae_sha256'] } },
        }),
      );
      assert.equal(pair.client.sessions[0]?.signatureScheme, 'rsa_pss_rsae_sha384');
    });
  }

  // DTLS 1.2 offers ECDSA by the hash, whatever the curve.
  test('DTLSv1.2: a certificate on a curve that the platform lacks is unsupported', () => {
    endsWith('unsupported_certificate', 'ERR_DTLS_UNSUPPORTED_CERTIFICATE', {
      version: 'DTLSv1.2',
      client: { groups: 'auto', rejectUnauthorized: false },
      server: { ...SERVERS.p256, groups: 'auto' },
      lacks: { client: { keys: ['p256'] } },
    });
  });

  for (const version of VERSIONS) {
    test(`${version}: a chain signed by a key that the platform lacks does not verify`, () => {
      const lacks = { client: { keys: ['ed25519'] } } as const;
      const pair = refused({ version, client: { groups: 'auto' }, server: SERVERS.p256, lacks });
      assert.deepEqual(pair.reached, []);
      assert.equal(pair.client.error?.code, 'ERR_DTLS_CERTIFICATE');
      assert.equal(pair.server.error?.alert, 'bad_certificate');
    });
  }

  for (const [chain, trust, lack, code] of [
    ['leaf-p384-sha256', 'root', { schemes: ['ecdsa_secp256r1_sha256'] }, 'UNSUPPORTED_SIGNATURE_ALGORITHM'],
    ['leaf-sha512', 'root', { hashes: ['sha512'] }, 'UNSUPPORTED_SIGNATURE_ALGORITHM'],
    ['leaf-p384-root', 'p384-root', { keys: ['p384'] }, 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY'],
    ['leaf-ed25519-root', 'ed25519-root', { keys: ['ed25519'] }, 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY'],
    ['leaf-rsa-root', 'rsa-root', { keys: ['rsa'] }, 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY'],
    ['leaf-ed25519-key', 'root', { keys: ['ed25519'] }, 'UNSUPPORTED_SIGNATURE_ALGORITHM'],
  ] as const satisfies readonly (readonly [string, string, Lack, string])[]) {
    test(`unsupported signatures in the certificate ${chain} give the verdict ${code}`, () => {
      const reached: string[] = [];
      const question = {
        chain: [certificate(chain)],
        trust: store(trust),
        time: day(1),
        purpose: 'serverAuth',
      } as const;
      assert.ok(verifyPath({ ...question, provider: nodeProvider }).ok);
      const provider = restrictedProvider(nodeProvider, lack, reached);
      const result = verifyPath({ ...question, provider });
      assert.equal(result.ok ? 'ok' : result.code, code);
      assert.deepEqual(reached, []);
    });
  }

  test('an OCSP response that names its certificate by an unsupported SHA-1 is about no certificate', () => {
    const [leaf, ca] = ['leaf', 'ca'].map((name) =>
      parsed(readCertificates(statusPem(name), name)[0] ?? assert.fail()),
    );
    assert.ok(leaf && ca);
    const reached: string[] = [];
    const check = (lack: Lack) =>
      checkOcspResponse({
        response: ocspResponse('good'),
        path: [leaf, ca],
        trust: new TrustStore([ca]),
        time: JUDGEMENT_DAY,
        provider: restrictedProvider(nodeProvider, lack, reached),
        crls: undefined,
      });
    assert.deepEqual([check({}), check({ hashes: ['sha1'] })], [undefined, 'OCSP_NO_RESPONSE']);
    assert.deepEqual(reached, []);
  });
});

/** A certificate of an Ed448 key, and the key. */
function ed448Identity(): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed448');
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const algorithm = tlv(0x30, tlv(0x06, [0x2b, 0x65, 0x71]));
  const shape = { subject: 'a', issuer: 'a', spki, serial: 1, dns: ['localhost'], algorithm };
  const der = encodeCertificate(shape, (tbs) => new Uint8Array(sign(null, tbs, privateKey)));
  const base64 = Buffer.from(der).toString('base64');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

/** The signature schemes in each ClientHello and CertificateRequest that `role` sends from now on. */
function watchSchemes(t: TestContext, role: Role, version: TestedVersion): (readonly number[])[] {
  const offers: (readonly number[])[] = [];
  const send = Object.getOwnPropertyDescriptor(Context.prototype, 'send')?.value as Context['send'];
  t.mock.method(
    Context.prototype,
    'send',
    function watched(this: Context, ...args: Parameters<Context['send']>) {
      const [type, body] = args;
      if (this.security.role === role) offers.push(...schemesIn(type, body, version));
      send.apply(this, args);
    },
  );
  return offers;
}

function schemesIn(type: number, body: Uint8Array, version: TestedVersion): (readonly number[])[] {
  const { client_hello, certificate_request } = HandshakeType;
  if (type === certificate_request && version === 'DTLSv1.2')
    return [decodeCertificateRequest12(body)?.supportedSignatureAlgorithms ?? assert.fail()];
  if (type !== client_hello && type !== certificate_request) return [];
  const message = type === client_hello ? decodeClientHello(body) : decodeCertificateRequest13(body);
  const offered = message?.extensions.get(ExtensionType.signature_algorithms) ?? assert.fail();
  return [decodeSignatureAlgorithms(offered) ?? assert.fail()];
}

suite('a platform without Ed448', () => {
  const identity = ed448Identity();
  const LACK: Lack = { keys: ['ed448'] };
  const ANY_PEER = { requestCert: true, rejectUnauthorized: false };

  for (const version of VERSIONS) {
    for (const role of ROLES) {
      test(`${version}: ${role} never offers it, and one that has it does`, (t) => {
        for (const [lacks, offered] of [
          [{}, true],
          [{ [role]: LACK }, false],
        ] as const) {
          const offers = watchSchemes(t, role, version);
          succeeds(new Pair({ version, server: ANY_PEER, client: CLIENTS.ed25519, lacks }));
          t.mock.reset();
          assert.ok(offers.length > 0);
          for (const offer of offers) {
            assert.ok(offer.includes(Scheme.ed25519));
            assert.equal(offer.includes(Scheme.ed448), offered);
          }
        }
      });

      test(`${version}: a ${role}'s key of that type is refused at configuration`, () => {
        const configure = (lack: Lack) =>
          securityOn(restrictedProvider(nodeProvider, lack), role, version, { ...identity });
        assert.throws(() => configure(LACK), { code: 'ERR_DTLS_UNSUPPORTED_KEY', message: /options\.key/ });
        assert.equal(configure({}).identities[0]?.key.type, 'ed448');
      });
    }

    test(`${version}: a client without Ed448 is refused by a server that can show nothing else`, () => {
      const client = { rejectUnauthorized: false };
      const code = version === 'DTLSv1.3' ? 'ERR_DTLS_NO_SHARED_SIGNATURE' : NO_SHARED_CIPHER;
      succeeds(new Pair({ version, client, server: identity }));
      endsWith('handshake_failure', code, { version, client, server: identity, lacks: { client: LACK } });
    });

    test(`${version}: a server without Ed448 refuses a client that can show nothing else`, () => {
      const alert = version === 'DTLSv1.3' ? 'certificate_required' : 'handshake_failure';
      const client = { ...identity, rejectUnauthorized: false };
      succeeds(new Pair({ version, client, server: ANY_PEER }));
      const server = { requestCert: true };
      endsWith(alert, 'ERR_DTLS_CERTIFICATE_REQUIRED', { version, client, server, lacks: { server: LACK } });
    });
  }
});

suite('sessions that need what the platform lacks', () => {
  const WITH: Record<TestedVersion, string> = {
    'DTLSv1.2': 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'DTLSv1.3': 'TLS_AES_256_GCM_SHA384',
  };
  const LACKS: Record<TestedVersion, Lack> = {
    'DTLSv1.2': { aeads: ['chacha20-poly1305'] },
    'DTLSv1.3': { hashes: ['sha384'] },
  };

  for (const version of VERSIONS) {
    for (const role of ROLES) {
      test(`${version}: the ${role} makes a full handshake instead`, () => {
        const ciphers = { ciphers: WITH[version] };
        const saved = savedSession(new Pair({ version, client: ciphers, server: ciphers }).handshake());
        const pair = succeeds(returning(saved, { version, lacks: { [role]: LACKS[version] } }));
        assert.equal(isResumed(pair), false);
      });
    }

    test(`${version}: a server without the AEAD of tickets issues none and still serves`, () => {
      const lacks = { server: { aeads: ['aes-256-gcm'] } } as const;
      const pair = succeeds(new Pair({ version, server: { ticketKeys: undefined }, lacks }));
      assert.deepEqual(
        pair.client.tickets.filter(({ ticket }) => ticket.length > 0),
        [],
      );
    });
  }

  test('early data is sent only under a supported suite', () => {
    const ciphers = { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' };
    const server = { maxEarlyData: 100, replayGuard: () => true };
    const first = new Pair({ version: 'DTLSv1.3', client: ciphers, server: { ...ciphers, ...server } });
    const destination = { serverName: 'localhost', verifyName: 'localhost', earlyData: [PSK] };
    const lacks = { client: { aeads: ['chacha20-poly1305'] } } as const;
    const saved = savedSession(first.handshake());
    const pair = succeeds(returning(saved, { version: 'DTLSv1.3', server, destination, lacks }));
    assert.deepEqual([pair.server.early, isResumed(pair)], [[], true]);
  });
});

suite('pre-shared keys imported for a hash that the platform lacks', () => {
  const client = { psk: { identity: 'sensor', key: PSK, import: true } };
  const server = { ...NO_CERTIFICATE, psk: { sensor: { key: PSK, import: true } } };

  for (const role of ROLES) {
    test(`imported keys for an unsupported hash are skipped by the ${role} for supported ones`, () => {
      const lacks = { [role]: { hashes: ['sha384'] } };
      const pair = succeeds(new Pair({ version: 'DTLSv1.3', client, server, lacks }));
      assert.equal(pair.server.sessions[0]?.suite.hash, 'sha256');
    });

    test(`imported keys for an unsupported hash alone are refused with handshake_failure by a ${role}`, () => {
      const lacks = { [role]: { hashes: ['sha384'] } };
      const both = { client, server };
      const peer = { ...both[other(role)], ciphers: 'TLS_AES_256_GCM_SHA384' };
      endsWith('handshake_failure', NO_SHARED_CIPHER, {
        version: 'DTLSv1.3',
        ...both,
        [other(role)]: peer,
        lacks,
      });
    });
  }
});

/** An option that names what is not there, and how it is refused. */
type Named = readonly [what: string, role: Role, Lack, SecurityOptions, code: string, says: RegExp];

suite('on a platform that lacks something', () => {
  const resolve = (role: Role, lack: Lack, options: SecurityOptions) =>
    securityOn(restrictedProvider(nodeProvider, lack), role, 'DTLSv1.3', {
      groups: undefined,
      minVersion: 'DTLSv1.2',
      ...(role === 'server' && { ticketKeys: undefined }),
      ...options,
    });

  test('the defaults contain everything but what the platform lacks', () => {
    const lack: Lack = {
      aeads: ['chacha20-poly1305', 'aes-128-ccm'],
      groups: ['X25519MLKEM768', 'x25519'],
      keys: ['ed448', 'rsa-pss'],
    };
    const { suites, groups, keyShares, sigalgs } = resolve('client', lack, {});
    const usual = resolve('client', {}, {});
    assert.deepEqual(
      suites,
      usual.suites.filter(({ aead }) => aead !== 'chacha20-poly1305' && aead !== 'aes-128-ccm'),
    );
    assert.ok(suites.length > 0 && suites.length < usual.suites.length);
    assert.deepEqual([groups, keyShares], [['secp256r1', 'secp384r1'], ['secp256r1']]);
    assert.deepEqual(
      sigalgs,
      usual.sigalgs.filter((name) => name !== 'ed448' && !name.startsWith('rsa_pss_pss')),
    );
  });

  test('a version without a supported suite is not offered', () => {
    const masks = ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305', 'aes-128-ccm'] as const;
    assert.equal(resolve('client', { masks }, {}).versions[0].name, 'DTLSv1.2');
  });

  const NAMED: readonly Named[] = [
    ...SUITES.filter((of) => !needsEncryptThenMac(of)).map(
      ({ name, aead, keyExchange }): Named => [
        name,
        'client',
        { aeads: [aead] },
        { ...(keyExchange.endsWith('psk') && KEYS.client), ciphers: name },
        'ERR_DTLS_UNSUPPORTED_CIPHER',
        new RegExp(`options\\.ciphers: '${name}' needs ${aead}`),
      ],
    ),
    [
      'CBC',
      'client',
      { cbc: true },
      { ...KEYS.client, ciphers: 'PSK-AES128-CBC-SHA256' },
      'ERR_DTLS_UNSUPPORTED_CIPHER',
      /aes-128-cbc/,
    ],
    [
      'a suite among others',
      'server',
      { aeads: ['aes-128-ccm'] },
      { ciphers: 'DEFAULT:ECDHE-ECDSA-AES128-CCM' },
      'ERR_DTLS_UNSUPPORTED_CIPHER',
      /aes-128-ccm/,
    ],
    [
      'a group',
      'client',
      { groups: ['secp521r1'] },
      { groups: 'x25519:P-521' },
      'ERR_DTLS_UNSUPPORTED_GROUP',
      /options\.groups: 'P-521' needs secp521r1/,
    ],
    [
      'a group in ecdhCurve',
      'server',
      { groups: ['x25519'] },
      { ecdhCurve: 'x25519' },
      'ERR_DTLS_UNSUPPORTED_GROUP',
      /options\.ecdhCurve/,
    ],
    [
      'a key share',
      'client',
      { groups: ['x25519'] },
      { keyShares: 'x25519' },
      'ERR_DTLS_UNSUPPORTED_GROUP',
      /options\.keyShares/,
    ],
    [
      'a signature scheme',
      'client',
      { keys: ['ed448'] },
      { sigalgs: 'ed25519:ed448' },
      'ERR_DTLS_UNSUPPORTED_SIGALG',
      /options\.sigalgs: 'ed448' needs/,
    ],
    ['a private key', 'server', { keys: ['p256'] }, SERVERS.p256, 'ERR_DTLS_UNSUPPORTED_KEY', /options\.key/],
    [
      'keys of tickets',
      'server',
      { aeads: ['aes-256-gcm'] },
      { ticketKeys: new Uint8Array(80) },
      'ERR_DTLS_UNSUPPORTED_CIPHER',
      /options\.ticketKeys needs aes-256-gcm/,
    ],
    [
      'early data',
      'server',
      { aeads: ['aes-256-gcm'] },
      { maxEarlyData: 5 },
      'ERR_DTLS_UNSUPPORTED_CIPHER',
      /options\.maxEarlyData needs aes-256-gcm/,
    ],
    [
      'the hash of an imported key',
      'client',
      { hashes: ['sha384'] },
      { psk: { identity: 'a', key: PSK, import: { hash: 'sha384' } } },
      'ERR_DTLS_UNSUPPORTED_HASH',
      /options\.psk\.import\.hash/,
    ],
    ['SHA-256', 'client', { hashes: ['sha256'] }, {}, 'ERR_DTLS_UNSUPPORTED_HASH', /SHA-256/],
  ];
  for (const [what, role, lack, options, code, message] of NAMED) {
    test(`${what} is refused at configuration with ${code} by a ${role} that lacks it`, () => {
      assert.throws(() => resolve(role, lack, options), { code, message });
      resolve(role, {}, options);
    });
  }

  test('a PKCS#12 file with an unsupported algorithm is named as unsupported', () => {
    const file = readFileSync(new URL('../../../../test/x509/fixtures/pkcs12/openssl.p12', import.meta.url));
    readPkcs12(file, 'secret', nodeProvider.passwords, 'options.pfx');
    for (const lack of [{ hasHash: () => false }, { hasCipher: () => false }]) {
      const passwords = { ...nodeProvider.passwords, ...lack };
      assert.throws(() => readPkcs12(file, 'secret', passwords, 'options.pfx'), {
        code: 'ERR_CRYPTO_UNSUPPORTED_OPERATION',
        message: /which this platform does not have/,
      });
    }
  });
});
