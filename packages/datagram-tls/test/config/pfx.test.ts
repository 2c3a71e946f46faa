import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import { resolveSecurity } from '#lib/config/resolve.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { FACTS_12, FACTS_13 } from '#lib/wire/version.js';
import { readCertificates } from '#lib/x509/pem.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { CA, CLIENTS, SERVERS } from '../support/identities.js';
import { Pair } from '../support/pair.js';
import { keyPinOf } from '../support/pins.js';
import { VERSIONS } from '../support/settings.js';

const FIXTURES = new URL('../../../test/x509/fixtures/pkcs12/', import.meta.url);
const passphrase = 'secret';
const FILE = fixture('openssl.p12');
const ROOT = fixture('root.pem').toString();

function fixture(file: string): Buffer {
  return readFileSync(new URL(file, FIXTURES));
}

function der(file: string): Buffer {
  return Buffer.from(readCertificates(fixture(file), file)[0] ?? []);
}

let platformTrust = TrustStore.fromDer(readCertificates(CA, 'CA'));

function resolve(options: SecurityOptions) {
  return resolveSecurity(options, 'server', {
    provider: nodeProvider,
    versions: [FACTS_13, FACTS_12],
    defaultTrust: () => platformTrust,
    describeCertificate: (bytes) => bytes,
  });
}

for (const version of VERSIONS) {
  suite(`PKCS#12 files of both sides, ${version}`, () => {
    test("a name's identity may be a PKCS#12 file; its clients are trusted by the file and by the endpoint", () => {
      const file = { pfx: FILE, passphrase };
      const server = { groups: 'P-256', requestCert: true, sni: { a: file } };
      const ask = (client: SecurityOptions): unknown => {
        const destination = { serverName: 'a', verifyName: 'localhost' };
        const options = { groups: 'P-256', rejectUnauthorized: false, ...client };
        const pair = new Pair({ version, destination, client: options, server });
        pair.explain(() => pair.handshake());
        assert.equal(Buffer.compare(pair.client.sessions[0]?.peer.chain[0]?.der ?? FILE, der('leaf.pem')), 0);
        return pair.server.sessions[0]?.peer.authorized;
      };
      assert.equal(ask(file), true);
      assert.equal(ask(CLIENTS.p256), true);
    });

    test('both sides use identities from PKCS#12 files and trust the CAs in them', () => {
      const pfx: SecurityOptions = {
        pfx: FILE,
        passphrase,
        cert: undefined,
        key: undefined,
        groups: 'P-256',
      };
      const ofServer: SecurityOptions = { ...pfx, requestCert: true };
      const pair = new Pair({ version, client: pfx, server: ofServer });
      pair.explain(() => pair.handshake());
      for (const { sessions } of [pair.client, pair.server]) {
        const { peer } = sessions[0] ?? assert.fail();
        assert.ok(peer.authorized);
        assert.deepEqual(
          peer.chain.map((certificate) => Buffer.from(certificate.der)),
          [der('leaf.pem'), der('issuer.pem')],
        );
      }
    });

    test('keys from PKCS#12 files can be shown as raw public keys', () => {
      const server: SecurityOptions = {
        pfx: FILE,
        passphrase,
        cert: undefined,
        key: undefined,
        certificateTypes: ['RawPublicKey'],
        groups: 'P-256',
      };
      const pins = [keyPinOf(fixture('leaf.pem').toString())];
      const client: SecurityOptions = {
        pins,
        ca: undefined,
        peerCertificateTypes: ['RawPublicKey'],
        groups: 'P-256',
      };
      const pair = new Pair({ version, client, server });
      pair.explain(() => pair.handshake());
      assert.ok(pair.client.sessions[0]?.peer.authorized);
    });
  });
}

suite('the option pfx', () => {
  const written: readonly (readonly [string, SecurityOptions])[] = [
    ['bytes', { pfx: FILE, passphrase }],
    ['base64', { pfx: FILE.toString('base64'), passphrase }],
    ['a list', { pfx: [FILE], passphrase }],
    ['a list of objects', { pfx: [{ buf: FILE, passphrase }] }],
    ['objects that leave the passphrase to the option', { pfx: [{ buf: FILE }], passphrase }],
    ['an object with a passphrase of its own', { pfx: [{ buf: FILE, passphrase }], passphrase: 'another' }],
  ];
  for (const [what, options] of written) {
    test(`pfx may be ${what}`, () => {
      const [identity] = resolve(options).identities;
      assert.deepEqual(Buffer.from(identity?.leaf?.der ?? []), der('leaf.pem'));
    });
  }

  test('pfx can be combined with cert and key', () => {
    const { identities } = resolve({ pfx: [{ buf: FILE, passphrase }], ...SERVERS.ed25519 });
    assert.deepEqual(
      identities.map(({ key }) => key.type),
      ['ed25519', 'p256'],
    );
  });

  test('pfx adds its CAs to those of the platform, also when these change', () => {
    const { trust } = resolve({ pfx: FILE, passphrase });
    assert.equal(trust().size, 3);
    assert.equal(trust(), trust());
    platformTrust = TrustStore.fromDer(readCertificates(CA + ROOT, 'CA'));
    assert.equal(trust().size, 4);
  });

  test('pfx adds its CAs to those of the option ca', () => {
    assert.equal(resolve({ pfx: FILE, passphrase, ca: CA }).trust().size, 3);
  });

  const mistakes: readonly (readonly [string, Record<string, unknown>, string, RegExp])[] = [
    ['a number', { pfx: 5 }, 'ERR_INVALID_ARG_TYPE', /options\.pfx/],
    ['a list of numbers', { pfx: [5] }, 'ERR_INVALID_ARG_TYPE', /options\.pfx\[0\]/],
    ['an object without bytes', { pfx: [{ passphrase }] }, 'ERR_INVALID_ARG_TYPE', /pfx\[0\]\.buf/],
    [
      'a passphrase that is no text',
      { pfx: [{ buf: FILE, passphrase: 5 }] },
      'ERR_INVALID_ARG_TYPE',
      /pfx\[0\]\.passphrase/,
    ],
    [
      'a wrong passphrase',
      { pfx: FILE, passphrase: 'x' },
      'ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE',
      /options\.pfx/,
    ],
    ['text that is no base64', { pfx: '-----BEGIN' }, 'ERR_OSSL_ASN1_NESTED_ASN1_ERROR', /options\.pfx/],
    [
      'a file without a key',
      { pfx: fixture('no-key.p12'), passphrase },
      'ERR_CRYPTO_OPERATION_FAILED',
      /no private key/,
    ],
    [
      'a file without a certificate',
      { pfx: fixture('no-certificate.p12'), passphrase },
      'ERR_CRYPTO_OPERATION_FAILED',
      /no certificate of the private key/,
    ],
  ];
  for (const [what, options, code, message] of mistakes) {
    test(`pfx with ${what}: ${code}`, () => {
      assert.throws(() => resolve(options), { code, message });
    });
  }
});
