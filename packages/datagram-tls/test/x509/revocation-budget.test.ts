// Siege case B1: what revocation lists add to the cost of one validation, counted over all candidate paths.

import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { VALIDATION_LIMITS, ValidationBudget, type ValidationWork } from '#lib/x509/budget.js';
import type { Certificate } from '#lib/x509/certificate.js';
import { type Crl, parseCrl } from '#lib/x509/crl.js';
import { verifyPath } from '#lib/x509/path.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { commonName, ECDSA_SHA256, encodeCertificate, extension, type Shape, text, tlv } from './encode.js';
import { parsed } from './pki.js';

interface Key {
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
}

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })) };
}

const KEYS = Array.from({ length: 16 }, newKey);
const [rootKey, otherKey, leafKey, ...caKeys] = KEYS as [Key, Key, Key, ...Key[]];
const TIME = Date.UTC(2026, 5);

let serial = 0;
function issue(draft: Omit<Shape, 'spki' | 'serial'>, { spki }: Key, { privateKey }: Key): Certificate {
  serial = (serial + 1) % 128;
  return parsed(encodeCertificate({ spki, serial, ...draft }, (tbs) => sign('sha256', tbs, privateKey)));
}

const root = issue({ subject: 'Root', issuer: 'Root', ca: true }, rootKey, rootKey);

interface List {
  readonly issuer: string;
  readonly signer: Key;
  readonly entries?: number;
  readonly extensions?: readonly Uint8Array[];
}

function crl({ issuer, signer, entries = 1, extensions = [] }: List): Crl {
  const revoked = Array.from({ length: entries }, (_, i) => entry(i));
  const tbs = long(
    tlv(0x02, [1]),
    ECDSA_SHA256,
    commonName(issuer),
    text(0x17, '260101000000Z'),
    text(0x17, '300101000000Z'),
    long(...revoked),
    extensions.length === 0 ? Buffer.of() : tlv(0xa0, tlv(0x30, ...extensions)),
  );
  const signature = tlv(0x03, [0], sign('sha256', tbs, signer.privateKey));
  return parseCrl(long(tbs, ECDSA_SHA256, signature)) ?? assert.fail('no list');
}

/** A certificate with a serial number of 16 bytes that is revoked. */
function entry(number: number): Uint8Array {
  const serialNumber = Buffer.alloc(16, 1);
  serialNumber.writeUInt32BE(number, 12);
  const time = Buffer.from('260101000000Z');
  return Buffer.concat([Buffer.of(0x30, 33, 0x02, 16), serialNumber, Buffer.of(0x17, 13), time]);
}

/** A SEQUENCE of more than `tlv` can hold. */
function long(...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const header = Buffer.of(0x30, 0x83, 0, 0, 0);
  if (content.length < 0x1_0000) return Buffer.from(tlv(0x30, content));
  header.writeUIntBE(content.length, 2, 3);
  return Buffer.concat([header, content]);
}

/** Runs one validation and returns its cost. */
function validate(
  chain: readonly Certificate[],
  crls: readonly Crl[],
  anchors: readonly Certificate[] = [root],
) {
  const budget = new ValidationBudget();
  const calls = { verify: 0, hashed: 0 };
  const provider: CryptoProvider = {
    ...nodeProvider,
    verify: (scheme, key, data, signature) => {
      calls.verify++;
      calls.hashed += data.length;
      return nodeProvider.verify(scheme, key, data, signature);
    },
  };
  const trust = new TrustStore(anchors);
  const result = verifyPath({ chain, trust, time: TIME, purpose: 'serverAuth', provider, budget, crls });
  return {
    code: result.ok ? 'ok' : result.code,
    spent: (work: ValidationWork) => budget.spent(work),
    ...calls,
  };
}

/** Two CAs with one key on each step below the root: each of the 2^`steps` paths is well signed. */
function ladder(steps: number): Certificate[] {
  const chain: Certificate[] = [];
  let [issuer, signer] = ['Root', rootKey];
  for (let step = 0; step < steps; step++) {
    const [subject, key] = [`CA ${step}`, caKeys[step] ?? assert.fail('too many steps')];
    for (let twin = 0; twin < 2; twin++) chain.unshift(issue({ subject, issuer, ca: true }, key, signer));
    [issuer, signer] = [subject, key];
  }
  return [issue({ subject: 'leaf', issuer }, leafKey, signer), ...chain];
}

/** CAs with one name and different keys. The first one signed the leaf. */
function twins(subject: string, count: number): Certificate[] {
  const keys = caKeys.slice(0, count);
  const leaf = issue({ subject: 'leaf', issuer: subject }, leafKey, keys[0] ?? assert.fail('no twin'));
  return [leaf, ...keys.map((key) => issue({ subject, issuer: 'Root', ca: true }, key, rootKey))];
}

const copies = (list: Crl, count: number): Crl[] => Array.from({ length: count }, () => ({ ...list }));

suite('revocation lists in the budget of a validation', () => {
  test('a list is examined once for a certificate and the two issuers above it, not once for each path', () => {
    const lists = copies(crl({ issuer: 'CA 3', signer: otherKey }), 5);
    const { code, spent } = validate(ladder(4), lists);
    assert.equal(code, 'CRL_SIGNATURE_FAILURE');
    assert.equal(spent('paths'), 16);
    // The leaf has two issuers, and each issuer has two.
    assert.equal(spent('lists'), 4 * lists.length);
  });

  test('one list is examined for each certificate of an honest path', () => {
    const [leaf, ca] = [ladder(1)[0], ladder(1)[1]] as [Certificate, Certificate];
    const lists = [
      crl({ issuer: 'CA 0', signer: caKeys[0] as Key }),
      ...copies(crl({ issuer: 'Root', signer: rootKey }), 10),
    ];
    const { code, spent } = validate([leaf, ca], lists);
    assert.deepEqual([code, spent('lists')], ['ok', 3]);
  });

  test('20 lists of 10,000 entries and twelve CAs of one name end at the limit of signatures', () => {
    const lists = copies(crl({ issuer: 'CA', signer: otherKey, entries: 10_000 }), 20);
    const { code, verify, hashed } = validate(twins('CA', 12), lists);
    assert.deepEqual([code, verify], ['VALIDATION_LIMIT_REACHED', VALIDATION_LIMITS.signatures]);
    assert.ok(hashed <= VALIDATION_LIMITS.signatures * 360_000, `${hashed} bytes`);
  });

  test('a list is tried under at most four keys of its CA, beside that of the path', () => {
    const anchors = [rootKey, ...caKeys].map((key) =>
      issue({ subject: 'Root', issuer: 'Root', ca: true }, key, key),
    );
    const leaf = issue({ subject: 'leaf', issuer: 'Root' }, leafKey, rootKey);
    const { code, verify, spent } = validate([leaf], [crl({ issuer: 'Root', signer: otherKey })], anchors);
    assert.equal(code, 'CRL_SIGNATURE_FAILURE');
    assert.equal(spent('lists'), 1);
    // The leaf under each anchor, and the list.
    assert.equal(verify, anchors.length + 5);
  });

  test('a signature over a long list costs more for each 64 KiB', () => {
    const leaf = issue({ subject: 'leaf', issuer: 'Root' }, leafKey, rootKey);
    const cost = (entries: number): number =>
      validate([leaf], [crl({ issuer: 'Root', signer: rootKey, entries })]).spent('signatureWork');
    assert.equal(cost(10_000) - cost(1), Math.floor(350_000 / 0x1_0000));
  });

  test('lists of 4 MiB are checked under few keys', () => {
    const list = { ...crl({ issuer: 'CA', signer: otherKey }), tbs: new Uint8Array(0x40_0000) };
    const { code, hashed } = validate(twins('CA', 12), copies(list, 20));
    assert.equal(code, 'VALIDATION_LIMIT_REACHED');
    assert.ok(hashed < VALIDATION_LIMITS.signatureWork * 0x1_0000, `${hashed} bytes`);
  });

  test('more lists about one certificate than an honest operator has end at the limit of lists', () => {
    const outdated = { ...crl({ issuer: 'CA 0', signer: otherKey }), nextUpdate: TIME - 1 };
    const fitting = copies(outdated, VALIDATION_LIMITS.lists / 2);
    assert.equal(validate(ladder(1), fitting).code, 'CRL_HAS_EXPIRED');
    assert.equal(validate(ladder(1), [...fitting, { ...outdated }]).code, 'VALIDATION_LIMIT_REACHED');
  });

  test('distribution points count as comparisons, once for each name of each list', () => {
    const point = tlv(0x30, tlv(0xa0, tlv(0xa0, text(0x86, 'http://a.example/1.crl'))));
    const points = extension(0x1f, tlv(0x30, ...Array.from({ length: 1000 }, () => point)));
    const leaf = issue({ subject: 'leaf', issuer: 'Root', extensions: [points] }, leafKey, rootKey);
    const name = tlv(0xa0, tlv(0xa0, text(0x86, 'http://b.example/1.crl')));
    const scoped = crl({
      issuer: 'Root',
      signer: rootKey,
      extensions: [extension(0x1c, tlv(0x30, name), true)],
    });
    const few = validate([leaf], copies(scoped, 3));
    assert.deepEqual([few.code, few.spent('comparisons')], ['UNABLE_TO_GET_CRL', 3000]);
    assert.equal(validate([leaf], copies(scoped, 251)).code, 'VALIDATION_LIMIT_REACHED');
  });
});
