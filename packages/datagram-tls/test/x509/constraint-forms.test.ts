import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { verifyPath } from '#lib/x509/path.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { commonName, encodeCertificate, extension, type Shape, text, tlv } from './encode.js';
import { isThere, opensslVerifyAll } from './openssl.js';
import { parsed } from './pki.js';

const TIME = Date.UTC(2030, 0);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));

function issue(shape: Omit<Shape, 'spki' | 'serial'>): Uint8Array {
  return encodeCertificate({ spki, serial: 1, ...shape }, (tbs) => sign('sha256', tbs, privateKey));
}

function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** A GeneralName by the tag of its form, as text or as the bytes of an address. */
type Form = readonly [tag: number, value: string | readonly number[]];

function general([tag, value]: Form): Uint8Array {
  return typeof value === 'string' ? text(tag, value) : tlv(tag, value);
}

const DNS = 0x82;
const EMAIL = 0x81;
const URI = 0x86;
const IP = 0x87;
const forms = (tag: number, values: readonly (string | readonly number[])[]): Form[] =>
  values.map((value) => [tag, value] as const);

const BASES: readonly Form[] = [
  ...forms(DNS, ['', 'example.com', '.example.com', 'EXAMPLE.com', 'example.com.', 'com', '*.example.com']),
  ...forms(DNS, ['xample.com', '..example.com', 'a_b.example.com']),
  ...forms(EMAIL, [
    '',
    'example.com',
    '.example.com',
    'a@example.com',
    'A@EXAMPLE.com',
    '@example.com',
    'a@',
  ]),
  ...forms(EMAIL, ['"a@b"@example.com', 'example.com.', '.']),
  ...forms(IP, [
    [10, 0, 0, 0, 255, 0, 0, 0],
    [10, 0, 0, 0, 255, 0, 255, 0],
    [0, 0, 0, 0, 0, 0, 0, 0],
    [10, 0, 0, 1],
    [10, 0, 0, 0, 255],
    Array.from({ length: 32 }, () => 0),
  ]),
  [0xa4, [...tlv(0x30)]],
  [0xa4, [...commonName('leaf')]],
  [0xa4, [...commonName(' LEAF ')]],
];

const NAMES: readonly Form[] = [
  ...forms(DNS, [
    'example.com',
    'www.example.com',
    'EXAMPLE.COM',
    'example.com.',
    '.example.com',
    '*.example.com',
  ]),
  ...forms(DNS, [
    '*',
    'badexample.com',
    'example.com\0.evil',
    '',
    'a_b.example.com',
    '*.com',
    'w*.example.com',
    'ü.com',
  ]),
  ...forms(EMAIL, [
    'a@example.com',
    'A@example.com',
    'a@EXAMPLE.com',
    'b@example.com',
    'a@b.example.com',
    'a@b@example.com',
  ]),
  ...forms(EMAIL, ['example.com', '@example.com', 'a@', '"a@b"@example.com', 'a@example.com.', '']),
  ...forms(IP, [
    [10, 1, 2, 3],
    [11, 1, 2, 3],
    [10, 1, 2],
    [10, 1, 2, 3, 4, 5, 6, 7],
    Array.from({ length: 16 }, () => 1),
  ]),
  [URI, 'http://example.com/'],
];

const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;
/** `[0] minimum` and `[1] maximum` of a subtree. */
const DISTANCES = [tlv(0x80, [0]), tlv(0x80, [1]), tlv(0x81, [5])];

const anchor = issue({ subject: 'Anchor', issuer: 'Anchor', ca: true });
const leaves = [
  issue({ subject: 'leaf', issuer: 'A' }),
  ...NAMES.map((name) =>
    issue({ subject: 'leaf', issuer: 'A', extensions: [extension(0x11, tlv(0x30, general(name)))] }),
  ),
];

/** A CA with one constraint. */
function constrained(list: number, base: Form, distance: Uint8Array | readonly number[] = []): Uint8Array {
  const subtree = tlv(0x30, general(base), distance);
  const constraints = extension(0x1e, tlv(0x30, tlv(list, subtree)), true);
  return issue({ subject: 'A', issuer: 'Anchor', ca: true, extensions: [constraints] });
}

/** Ours and OpenSSL's, for each leaf under `ca`. */
function verdicts(ca: Uint8Array): (readonly [ours: string, theirs: string])[] {
  const setting = { time: TIME, purpose: 'serverAuth' } as const;
  const theirs = opensslVerifyAll(leaves.map(toPem), [toPem(ca)], { ...setting, trust: [toPem(anchor)] });
  const trust = new TrustStore([parsed(anchor)]);
  return leaves.map((leaf, i) => {
    const chain = [leaf, ca].map(parsed);
    const result = verifyPath({ ...setting, chain, trust, provider: nodeProvider });
    return [result.ok ? 'ok' : result.code, theirs[i] ?? ''];
  });
}

suite('every form of name under every form of constraint', { skip: !isThere && 'no OpenSSL 3' }, () => {
  const seen = new Set<string>();

  for (const [list, what] of [
    [PERMITTED, 'permitted'],
    [EXCLUDED, 'excluded'],
  ] as const) {
    test(`what openssl verify rejects is rejected: ${what}`, () => {
      for (const base of BASES) {
        for (const [i, [ours, theirs]] of verdicts(constrained(list, base)).entries()) {
          const names = `${JSON.stringify(base)}, ${JSON.stringify(NAMES[i - 1])}: OpenSSL says ${theirs}`;
          if (ours === 'ok') assert.equal(theirs, 'ok', names);
          if (ours === theirs) seen.add(ours);
        }
      }
    });

    test(`subtrees with distances are rejected, unless they are the defaults: ${what}`, () => {
      for (const [i, distance] of DISTANCES.entries()) {
        for (const [ours, theirs] of verdicts(constrained(list, [DNS, 'example.com'], distance))) {
          if (ours === 'ok') assert.equal(theirs, 'ok');
          if (ours === theirs) seen.add(ours);
          if (i > 0) assert.notEqual(ours, 'ok');
        }
      }
    });
  }

  test("our verdicts and openssl's name the same faults", () => {
    const faults = ['PERMITTED_VIOLATION', 'EXCLUDED_VIOLATION', 'SUBTREE_MINMAX', 'UNSUPPORTED_NAME_SYNTAX'];
    assert.deepEqual([...seen].sort(), ['ok', ...faults].sort());
  });

  test('an address constraint of the wrong length is rejected', () => {
    for (const list of [PERMITTED, EXCLUDED]) {
      const [, ...answers] = verdicts(constrained(list, [IP, [10, 0, 0, 1]]));
      const address = NAMES.findIndex(([tag]) => tag === IP);
      assert.deepEqual(answers[address], ['UNSUPPORTED_CONSTRAINT_SYNTAX', 'UNSUPPORTED_NAME_SYNTAX']);
    }
  });
});
