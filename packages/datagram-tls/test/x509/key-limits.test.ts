// Siege case A17: RSA keys whose size or exponent makes each signature check cost milliseconds.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { suite, test } from 'node:test';
import type { Security } from '#lib/config/config.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { claimChain } from '#lib/handshake/authenticate.js';
import type { CertificateTypeName } from '#lib/wire/codes.js';
import { verifyPath } from '#lib/x509/path.js';
import { parseKeyInfo } from '#lib/x509/public-key.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { encodeCertificate, RSA_SHA256, tlv } from './encode.js';
import { parsed } from './pki.js';

const RSA = tlv(0x30, tlv(0x06, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), [5, 0]);
const PSS = tlv(0x30, tlv(0x06, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10]));

/** A number of so many bits, all of them set. */
function ones(bits: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  if (bits % 8 > 0) bytes[0] = (1 << (bits % 8)) - 1;
  return bytes;
}

/** A SubjectPublicKeyInfo. */
function rsa(bits: number, exponent: Uint8Array | number[], algorithm = RSA): Uint8Array {
  const integer = (bytes: Uint8Array | number[]) => tlv(0x02, (bytes[0] as number) >= 0x80 ? [0] : [], bytes);
  const key = tlv(0x30, integer(ones(bits)), integer(exponent));
  return tlv(0x30, algorithm, tlv(0x03, [0], key));
}

const F4 = [1, 0, 1];

const KEYS: readonly (readonly [what: string, spki: Uint8Array, supported: boolean])[] = [
  ['a modulus of 16,384 bits', rsa(16_384, F4), true],
  ['a modulus of 16,385 bits', rsa(16_385, F4), false],
  ['a PSS key of 16,385 bits', rsa(16_385, F4, PSS), false],
  ['an exponent of 64 bits', rsa(4096, ones(64)), true],
  ['an exponent of 65 bits', rsa(4096, ones(65)), false],
  ['an exponent of 65 bits under a short modulus', rsa(2048, ones(65)), false],
  ['an exponent as long as the modulus', rsa(2048, ones(2048)), false],
  ['the exponent 3', rsa(2048, [3]), true],
  ['the exponent 1', rsa(2048, [1]), false],
  ['the exponent 0', rsa(2048, [0]), false],
  ['an even exponent', rsa(2048, [1, 0, 0]), false],
  [
    'a negative exponent',
    tlv(0x30, RSA, tlv(0x03, [0], tlv(0x30, tlv(0x02, [1, 1]), tlv(0x02, [0xff])))),
    false,
  ],
];

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));

function certificate(subject: string, issuer: string, key: Uint8Array, serial = 1): Uint8Array {
  return encodeCertificate({ subject, issuer, spki: key, serial, ca: true }, (tbs) =>
    sign('sha256', tbs, privateKey),
  );
}

/** As if a key of 16,384 bits had signed it. */
function signedByLongKey(subject: string, issuer: string): Uint8Array {
  return encodeCertificate({ subject, issuer, spki, serial: 1, algorithm: RSA_SHA256 }, () =>
    new Uint8Array(2048).fill(0x40),
  );
}

function counting(): { provider: CryptoProvider; imported: () => number } {
  let count = 0;
  const importPublicKey: CryptoProvider['importPublicKey'] = (der) => {
    count++;
    return nodeProvider.importPublicKey(der);
  };
  return { provider: { ...nodeProvider, importPublicKey }, imported: () => count };
}

suite('limits of RSA keys', () => {
  for (const [what, key, supported] of KEYS) {
    test(`a public key with ${what} is ${supported ? 'supported' : 'not supported'}`, () => {
      const info = parseKeyInfo(key) ?? assert.fail();
      assert.equal(info.type !== undefined, supported);
    });
  }

  const BEYOND = KEYS.filter(([, , supported]) => !supported);
  for (const type of ['X509', 'RawPublicKey'] as const satisfies readonly CertificateTypeName[]) {
    test(`a peer's key beyond the limits as ${type} is refused before it is imported`, () => {
      for (const [what, key] of BEYOND) {
        const { provider, imported } = counting();
        const security = { provider, peerCertificateTypes: [type] } as unknown as Security;
        const shown = type === 'X509' ? certificate('leaf', 'CA', key) : key;
        assert.throws(() => claimChain(security, type, [shown]), { alert: 'unsupported_certificate' }, what);
        assert.equal(imported(), 0, what);
      }
    });
  }

  test('no signature is checked under a CA key beyond the limits', () => {
    for (const [what, key] of BEYOND) {
      const { provider, imported } = counting();
      const root = parsed(certificate('Root', 'Root', spki));
      const chain = [certificate('leaf', 'CA', spki), certificate('CA', 'Root', key)].map(parsed);
      const trust = new TrustStore([root]);
      const result = verifyPath({ chain, trust, time: Date.UTC(2030, 0), purpose: 'serverAuth', provider });
      assert.equal(result.ok ? 'ok' : result.code, 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY', what);
      assert.equal(imported(), 0, what);
    }
  });

  for (const [what, exponent, most] of [
    ['the exponent 65537', F4, 15],
    ['an exponent of 64 bits', ones(64), 4],
  ] as const) {
    test(`a validation checks at most ${most} signatures under keys of 16,384 bits with ${what}`, () => {
      const root = parsed(certificate('Root', 'Root', spki));
      const twins = Array.from({ length: most + 2 }, (_, i) => {
        const key = rsa(16_384, exponent);
        // Another modulus for each: the first byte of it is behind the headers.
        key[40] = 0xff - i;
        return parsed(certificate('CA', 'Root', key, i + 1));
      });
      let checks = 0;
      const verify: CryptoProvider['verify'] = (scheme, key, data, signature) => {
        if (key.type === 'rsa') checks++;
        return nodeProvider.verify(scheme, key, data, signature);
      };
      const result = verifyPath({
        chain: [parsed(signedByLongKey('leaf', 'CA')), ...twins],
        trust: new TrustStore([root]),
        time: Date.UTC(2030, 0),
        purpose: 'serverAuth',
        provider: { ...nodeProvider, verify },
      });
      assert.equal(result.ok ? 'ok' : result.code, 'VALIDATION_LIMIT_REACHED');
      assert.ok(checks > 0 && checks <= most, `${checks} checks`);
    });
  }
});
