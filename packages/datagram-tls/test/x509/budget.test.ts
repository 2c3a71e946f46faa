// Siege case B1: what one validation may cost, counted over all candidate paths.

import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { VALIDATION_LIMITS, ValidationBudget, type ValidationWork } from '#lib/x509/budget.js';
import { type Certificate, MAX_CHAIN_ELEMENTS, parseChain } from '#lib/x509/certificate.js';
import { alertForCode } from '#lib/x509/codes.js';
import { checkOcspResponse } from '#lib/x509/ocsp.js';
import { verifyPath } from '#lib/x509/path.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { commonName, encodeCertificate, extension, type Shape, text, tlv } from './encode.js';
import { parsed } from './pki.js';

interface Key {
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
}

function newKey(namedCurve = 'P-256'): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return { privateKey, spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })) };
}

const KEYS = Array.from({ length: 16 }, () => newKey());
const [rootKey, topKey] = KEYS as [Key, Key];

type Draft = Omit<Shape, 'spki' | 'serial'>;

let serial = 0;
function issue(draft: Draft, { spki }: Key, { privateKey }: Key): Certificate {
  serial = (serial + 1) % 128;
  return parsed(encodeCertificate({ spki, serial, ...draft }, (tbs) => sign('sha256', tbs, privateKey)));
}

const root = issue({ subject: 'Root', issuer: 'Root', ca: true }, rootKey, rootKey);

/** Runs one validation and returns its cost. */
function validate(chain: readonly Certificate[]) {
  const budget = new ValidationBudget();
  const calls = { verify: 0 };
  const provider: CryptoProvider = {
    ...nodeProvider,
    verify: (...args) => {
      calls.verify++;
      return nodeProvider.verify(...args);
    },
  };
  const trust = new TrustStore([root]);
  const result = verifyPath({
    chain,
    trust,
    time: Date.UTC(2030, 0),
    purpose: 'serverAuth',
    provider,
    budget,
  });
  const spent = (work: ValidationWork): number => budget.spent(work);
  for (const work of Object.keys(VALIDATION_LIMITS) as ValidationWork[]) {
    assert.ok(spent(work) <= VALIDATION_LIMITS[work], `${work}: ${spent(work)}`);
  }
  return { code: result.ok ? 'ok' : result.code, spent, checks: calls.verify };
}

type Extra = Pick<Shape, 'dns' | 'extensions'>;

interface Mesh {
  readonly layers: number;
  readonly width: number;
  readonly top?: Extra;
  readonly leaf?: Extra;
  /** Signs the leaf; by default its issuer does. */
  readonly leafSigner?: Key;
  readonly keys?: readonly Key[];
}

/** Layers of CAs below a trusted root. All CAs of a layer have the same name and different keys. */
function mesh({ layers, width, top = {}, leaf = {}, leafSigner, keys = KEYS.slice(2) }: Mesh): Certificate[] {
  const chain = [issue({ subject: 'Top', issuer: 'Root', ca: true, ...top }, topKey, rootKey)];
  let above: readonly Key[] = [topKey];
  let issuer = 'Top';
  for (let layer = 0; layer < layers; layer++) {
    const group = keys.slice(layer * width, (layer + 1) * width);
    const subject = `Layer ${layer}`;
    for (const key of group) chain.unshift(issue({ subject, issuer, ca: true }, key, above[0] as Key));
    above = group;
    issuer = subject;
  }
  const leafKey = KEYS[15] as Key;
  return [issue({ subject: 'leaf', issuer, ...leaf }, leafKey, leafSigner ?? (above[0] as Key)), ...chain];
}

/** Name constraints with excluded DNS names. */
function excluding(names: readonly string[]): Uint8Array {
  return extension(0x1e, tlv(0x30, tlv(0xa1, ...names.map((name) => tlv(0x30, text(0x82, name))))), true);
}

const many = (count: number, name: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => name(i));

suite('the budget of a validation', () => {
  test('names are compared once with the constraints of a CA, not once for each candidate path', () => {
    // 27 candidate paths, all through the same constrained CA; the leaf is signed by another key.
    const chain = mesh({
      layers: 3,
      width: 3,
      top: { extensions: [excluding(many(50, (i) => `bad${i}.example`))] },
      leaf: { dns: many(100, (i) => `h${i}.example.com`) },
      leafSigner: KEYS[4] as Key,
    });
    const { code, spent } = validate(chain);
    assert.equal(code, 'CERT_SIGNATURE_FAILURE');
    assert.equal(spent('comparisons'), 0);
    const valid = validate(
      mesh({
        layers: 3,
        width: 3,
        top: { extensions: [excluding(many(50, (i) => `bad${i}.example`))] },
        leaf: { dns: many(100, (i) => `h${i}.example.com`) },
      }),
    );
    assert.equal(valid.code, 'ok');
    assert.equal(valid.spent('comparisons'), 100 * 50);
  });

  test('long names under many constraints end the validation at the limit of comparisons', () => {
    const chain = mesh({
      layers: 2,
      width: 4,
      top: { extensions: [excluding(many(60, () => 'z'))] },
      leaf: { dns: many(5000, () => 'aA'.repeat(3)) },
    });
    const { code, spent } = validate(chain);
    assert.equal(code, 'VALIDATION_LIMIT_REACHED');
    assert.ok(spent('comparisons') > VALIDATION_LIMITS.comparisons / 2);
  });

  test('a long constraint counts for more', () => {
    const at = (length: number) =>
      validate(
        mesh({
          layers: 0,
          width: 0,
          top: { extensions: [excluding([`${'a'.repeat(length - 1)}b`])] },
          leaf: { dns: ['host.example.com'] },
        }),
      ).spent('comparisons');
    assert.deepEqual([31, 32, 320].map(at), [1, 2, 11]);
  });

  for (const [form, name, base] of [
    ['mailboxes', text(0x81, 'me@a.example'), text(0x81, 'b.example')],
    ['addresses', tlv(0x87, [10, 0, 0, 1]), tlv(0x87, [11, 0, 0, 0, 255, 0, 0, 0])],
    ['directory names', tlv(0xa4, commonName('a')), tlv(0xa4, commonName('b'))],
  ] as const) {
    test(`${form} count like host names`, () => {
      const constraints = tlv(0x30, tlv(0xa1, ...Array.from({ length: 300 }, () => tlv(0x30, base))));
      const names = extension(0x11, tlv(0x30, ...Array.from({ length: 1000 }, () => name)));
      const { code, spent } = validate(
        mesh({
          layers: 0,
          width: 0,
          top: { extensions: [extension(0x1e, constraints, true)] },
          leaf: { extensions: [names] },
        }),
      );
      assert.equal(code, 'VALIDATION_LIMIT_REACHED');
      assert.ok(spent('comparisons') > VALIDATION_LIMITS.comparisons - 301);
    });
  }

  test('a certificate with 1,000 names under three CAs with 50 constraints each is accepted', () => {
    const constrained = { ca: true, extensions: [excluding(many(50, (i) => `bad${i}.example`))] };
    const [a, b, c, d] = KEYS.slice(2) as [Key, Key, Key, Key];
    const chain = [
      issue({ subject: 'leaf', issuer: 'C', dns: many(1000, (i) => `host-${i}.example.com`) }, d, c),
      issue({ subject: 'C', issuer: 'B', ...constrained }, c, b),
      issue({ subject: 'B', issuer: 'A', ...constrained }, b, a),
      issue({ subject: 'A', issuer: 'Root', ...constrained }, a, rootKey),
    ];
    const { code, spent } = validate(chain);
    assert.equal(code, 'ok');
    assert.equal(spent('comparisons'), 150_000);
  });

  test('a mesh in which every signature but the last is good ends after 32 signatures', () => {
    const { code, checks } = validate(mesh({ layers: 3, width: 4, leafSigner: KEYS[15] as Key }));
    assert.deepEqual([code, checks], ['VALIDATION_LIMIT_REACHED', VALIDATION_LIMITS.signatures]);
  });

  test('fewer signatures are allowed under costly keys', () => {
    const keys = Array.from({ length: 12 }, () => newKey('P-521'));
    const { code, checks } = validate(mesh({ layers: 3, width: 4, keys, leafSigner: KEYS[15] as Key }));
    assert.equal(code, 'VALIDATION_LIMIT_REACHED');
    assert.ok(checks > 3 && checks < VALIDATION_LIMITS.signatures / 2, `${checks} signatures`);
  });

  test('candidate paths that fail before any signature check are bounded, too', () => {
    // 4^3 paths with the right names, to a leaf that is not for servers.
    const notForServers = extension(0x25, tlv(0x30, tlv(0x06, [0x2a, 0x03])));
    const { code, spent, checks } = validate(
      mesh({ layers: 3, width: 4, leaf: { extensions: [notForServers] } }),
    );
    assert.deepEqual([code, checks, spent('paths')], ['INVALID_PURPOSE', 0, 64]);
    const wider = validate(mesh({ layers: 2, width: 7, leaf: { extensions: [notForServers] } }));
    assert.equal(wider.spent('paths'), 49);
    const deeper = validate(mesh({ layers: 6, width: 2, leaf: { extensions: [notForServers] } }));
    assert.equal(deeper.spent('paths'), 64);
    const most = validate(
      mesh({ layers: 4, width: 3, keys: [...KEYS.slice(1), ...KEYS], leaf: { extensions: [notForServers] } }),
    );
    assert.ok(most.spent('paths') <= VALIDATION_LIMITS.paths);
  });

  test('issuers that certify each other and lead nowhere are examined at most 500 times', () => {
    const ring = KEYS.slice(2, 15).map((key, i) =>
      issue({ subject: `CA ${i % 2}`, issuer: `CA ${1 - (i % 2)}`, ca: true }, key, key),
    );
    const leaf = issue({ subject: 'leaf', issuer: 'CA 0' }, KEYS[15] as Key, topKey);
    const { code, spent } = validate([leaf, ...ring]);
    assert.deepEqual([code, spent('issuers')], ['VALIDATION_LIMIT_REACHED', VALIDATION_LIMITS.issuers]);
  });

  test('the verdict names the limit as authorizationError, and the alert is bad_certificate', () => {
    assert.equal(alertForCode('VALIDATION_LIMIT_REACHED'), 'bad_certificate');
  });
});

suite('the elements of a chain', () => {
  const der = (names: number): Uint8Array =>
    encodeCertificate(
      { subject: 'a', issuer: 'b', spki: topKey.spki, serial: 1, dns: many(names, () => 'a') },
      () => new Uint8Array([0x30, 6, 2, 1, 1, 2, 1, 1]),
    );

  test('many names in one certificate are read', () => {
    assert.equal(parseChain([der(MAX_CHAIN_ELEMENTS - 100)])?.length, 1);
  });

  test('more elements than any honest chain has make a certificate unreadable', () => {
    assert.equal(parseChain([der(MAX_CHAIN_ELEMENTS)]), undefined);
  });

  test('the elements of all certificates count together', () => {
    assert.equal(parseChain([der(4000), der(4000)])?.length, 2);
    assert.equal(parseChain([der(4000), der(4000), der(4000)]), undefined);
  });
});

suite('an OCSP response with many answers', () => {
  const issuer = issue({ subject: 'Root', issuer: 'Root', ca: true }, rootKey, rootKey);
  const subject = issue({ subject: 'leaf', issuer: 'Root' }, topKey, rootKey);
  const SHA1 = tlv(0x30, tlv(0x06, [0x2b, 0x0e, 3, 2, 0x1a]));
  const time = text(0x18, '20291231000000Z');
  const hash = new Uint8Array(20);
  const answer = tlv(
    0x30,
    tlv(0x30, SHA1, tlv(0x04, hash), tlv(0x04, hash), tlv(0x02, subject.serial)),
    tlv(0x80),
    time,
  );

  /** All answers have our serial number, and name another issuer. */
  function judge(answers: number): { code: string | undefined; digests: number } {
    const list = tlv(0x30, ...Array.from({ length: answers }, () => answer));
    const data = tlv(0x30, tlv(0xa2, tlv(0x04, hash)), time, list);
    const ecdsa = tlv(0x30, tlv(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    const basic = tlv(0x30, data, ecdsa, tlv(0x03, [0], sign('sha256', data, rootKey.privateKey)));
    const id = tlv(0x06, [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1]);
    const response = tlv(0x30, tlv(0x0a, [0]), tlv(0xa0, tlv(0x30, id, tlv(0x04, basic))));
    let digests = 0;
    const provider: CryptoProvider = {
      ...nodeProvider,
      hash: (name) => {
        digests++;
        return nodeProvider.hash(name);
      },
    };
    const path = [subject, issuer];
    const trust = new TrustStore([issuer]);
    const now = Date.UTC(2030, 0);
    return {
      code: checkOcspResponse({ response, path, trust, time: now, provider, crls: undefined }),
      digests,
    };
  }

  test("an OCSP response with many answers hashes the issuer's name once", () => {
    assert.deepEqual(judge(500), { code: 'OCSP_NO_RESPONSE', digests: 1 });
  });

  test('an OCSP response with more elements than any honest one is not read', () => {
    assert.deepEqual(judge(1500), { code: 'OCSP_RESP_INVALID', digests: 0 });
  });
});
