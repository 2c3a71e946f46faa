import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { verifyPath } from '#lib/x509/path.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { encodeCertificate } from './encode.js';
import { parsed } from './pki.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ownSpki: Uint8Array = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));

/** A certificate; its signature is valid if `honest`. `spki`: of any key. */
function issue(subject: string, issuer: string, { honest = true, spki = ownSpki, serial = 1 } = {}) {
  return parsed(
    encodeCertificate({ subject, issuer, spki, serial, ca: true }, (tbs) =>
      honest ? sign('sha256', tbs, privateKey) : new Uint8Array([0x30, 6, 2, 1, 1, 2, 1, 1]),
    ),
  );
}

/** Valid keys of other CAs, so that certificates of one name are not one entity. */
const spkis = Array.from(
  { length: 40 },
  () =>
    new Uint8Array(
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' }),
    ),
);

function counting(): { provider: CryptoProvider; count: () => { verify: number; importPublicKey: number } } {
  const calls = { verify: 0, importPublicKey: 0 };
  const provider: CryptoProvider = {
    ...nodeProvider,
    verify: (...args) => {
      calls.verify++;
      return nodeProvider.verify(...args);
    },
    importPublicKey: (spki) => {
      calls.importPublicKey++;
      return nodeProvider.importPublicKey(spki);
    },
  };
  return { provider, count: () => calls };
}

function verify(chain: ReturnType<typeof issue>[], anchors: ReturnType<typeof issue>[]) {
  const { provider, count } = counting();
  const trust = new TrustStore(anchors);
  const result = verifyPath({ chain, trust, time: Date.UTC(2030, 0), purpose: 'serverAuth', provider });
  return { code: result.ok ? 'ok' : result.code, ...count() };
}

const anchor = issue('Anchor', 'Anchor');

suite('hostile certificate chains', () => {
  test('the chains of these tests are valid where they should be', () => {
    const { code, verify: checks } = verify(
      [issue('leaf', 'A'), issue('A', 'Anchor', { spki: ownSpki })],
      [anchor],
    );
    assert.deepEqual([code, checks], ['ok', 2]);
  });

  test('a hundred certificates in a row are refused before any signature check', () => {
    const row = Array.from({ length: 100 }, (_, i) => issue(`CA ${i}`, `CA ${i + 1}`));
    const result = verify(row, [issue('CA 100', 'CA 100')]);
    assert.deepEqual(result, { code: 'CERT_CHAIN_TOO_LONG', verify: 0, importPublicKey: 0 });
  });

  test('a hundred unrelated certificates do not hide the right one', () => {
    const noise = Array.from({ length: 100 }, (_, i) => issue(`CA ${i}`, `CA ${i + 1}`));
    const result = verify([issue('leaf', 'A'), ...noise, issue('A', 'Anchor')], [anchor]);
    assert.deepEqual([result.code, result.verify], ['ok', 2]);
  });

  test('a circle of cross-signed CAs ends before any signature check', () => {
    const circle = [issue('leaf', 'A'), issue('A', 'B'), issue('B', 'C'), issue('C', 'A'), issue('A', 'C')];
    assert.deepEqual(verify(circle, [anchor]), {
      code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      verify: 0,
      importPublicKey: 0,
    });
  });

  test('forty CAs of one name that sign each other and lead to no anchor cost no signature check', () => {
    const mesh = spkis.map((spki, serial) => issue('Mesh', 'Mesh', { spki, serial }));
    const result = verify([issue('leaf', 'Mesh'), ...mesh], [anchor]);
    assert.deepEqual([result.verify, result.importPublicKey], [0, 0]);
    assert.notEqual(result.code, 'ok');
  });

  test('exponentially many paths to an anchor end after 32 signature checks', () => {
    // Four layers of ten CAs: ten thousand paths, and each fails at its last signature.
    const layers = [0, 1, 2, 3].flatMap((layer) =>
      spkis
        .slice(10 * layer, 10 * layer + 10)
        .map((spki, serial) =>
          issue(`L${layer}`, layer === 3 ? 'Anchor' : `L${layer + 1}`, { spki, serial }),
        ),
    );
    const result = verify([issue('leaf', 'L0'), ...layers], [anchor]);
    assert.notEqual(result.code, 'ok');
    assert.ok(result.verify > 0 && result.verify <= 32, `${result.verify} signature checks`);
  });

  test('a key without a trusted signature is never used', () => {
    const forged = issue('A', 'Anchor', { honest: false, spki: spkis[0] as Uint8Array });
    const result = verify([issue('leaf', 'A'), forged], [anchor]);
    assert.deepEqual(result, { code: 'CERT_SIGNATURE_FAILURE', verify: 1, importPublicKey: 1 });
  });

  test("keys of peers' certificates are not kept in the trust store", () => {
    const { provider, count } = counting();
    const trust = new TrustStore([anchor]);
    const options = { trust, time: Date.UTC(2030, 0), purpose: 'serverAuth', provider } as const;
    for (let round = 0; round < 3; round++) {
      assert.ok(verifyPath({ ...options, chain: [issue('leaf', 'A'), issue('A', 'Anchor')] }).ok);
    }
    // The anchor's once, the intermediate's and the leaf's each time.
    assert.equal(count().importPublicKey, 7);
  });

  test('thousands of names under thousands of constraints are refused unread', () => {
    const many = Array.from({ length: 2000 }, (_, i) => `h${i}.example.com`);
    const ca = parsed(
      encodeCertificate(
        { subject: 'A', issuer: 'Anchor', spki: ownSpki, serial: 1, ca: true, permitted: many },
        (tbs) => sign('sha256', tbs, privateKey),
      ),
    );
    const leaf = parsed(
      encodeCertificate(
        { subject: 'leaf', issuer: 'A', spki: ownSpki, serial: 1, ca: true, dns: many },
        (tbs) => sign('sha256', tbs, privateKey),
      ),
    );
    assert.equal(verify([leaf, ca], [anchor]).code, 'VALIDATION_LIMIT_REACHED');
  });
});
