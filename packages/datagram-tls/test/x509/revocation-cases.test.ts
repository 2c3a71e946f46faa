// Siege cases B4 to B7 and B10.

import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { resolveSecurity } from '#lib/config/resolve.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { parseCrl } from '#lib/x509/crl.js';
import { checkOcspResponse } from '#lib/x509/ocsp.js';
import { verifyPath } from '#lib/x509/path.js';
import { readCertificates } from '#lib/x509/pem.js';
import { subjectPublicKey } from '#lib/x509/public-key.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { PLATFORM } from '../support/settings.js';
import { commonName, ECDSA_SHA256, encodeCertificate, extension, text, tlv } from './encode.js';
import { parsed } from './pki.js';

const FIXTURES = new URL('../../../test/x509/fixtures/siege/', import.meta.url);

function file(name: string): string {
  return readFileSync(new URL(name, FIXTURES), 'utf8');
}

function bytes(base64: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(base64 ?? assert.fail('no such fixture'), 'base64'));
}

interface CrlCases {
  readonly root: number;
  readonly der: readonly string[];
  readonly cases: readonly {
    readonly what: string;
    readonly chain: readonly number[];
    readonly crls: readonly number[];
  }[];
}

const LISTS = JSON.parse(file('crls.json')) as CrlCases;
/** Within the hour of the issue of the lists. */
const MADE = Date.UTC(2026, 10, 28, 18, 30);

const CRLS: readonly [string, string][] = [
  ['good', 'ok'],
  ['leaf revoked', 'CERT_REVOKED'],
  ['intermediate revoked', 'CERT_REVOKED'],
  ['signed by other key, right name (AKI of other key)', 'UNABLE_TO_GET_CRL'],
  ['signed by other key, no AKI', 'CRL_SIGNATURE_FAILURE'],
  ['issuer without cRLSign', 'KEYUSAGE_NO_CRL_SIGN'],
  ['unknown critical extension', 'UNHANDLED_CRITICAL_CRL_EXTENSION'],
  ['unknown noncritical extension', 'ok'],
  ['unknown noncritical extension, not DER', 'ok'],
  ['revoked certificateHold', 'CERT_REVOKED'],
  ['IDP onlyContainsUserCerts', 'ok'],
  ['IDP onlyContainsCACerts for leaf', 'UNABLE_TO_GET_CRL'],
  ['IDP URI, leaf without CDP', 'UNABLE_TO_GET_CRL'],
  ['full + newer delta', 'ok'],
  ['full + newer IDP shard of CA certs', 'ok'],
  ['full + newer list with unknown critical ext', 'ok'],
  ['full + newer forged list of same name without AKI', 'ok'],
  ['old full says revoked, newer says not', 'ok'],
  ['newer says revoked, older not', 'CERT_REVOKED'],
  ['expired newest + current older', 'ok'],
];

suite('several revocation lists', () => {
  for (const [what, expected] of CRLS) {
    test(`${what}: ${expected}`, () => {
      assert.equal(listVerdict(what), expected);
    });
  }

  test('a delta and a list of another scope beside a full list are skipped', () => {
    assert.equal(listVerdict('full + newer delta'), 'ok');
    assert.equal(listVerdict('full + newer IDP shard of CA certs'), 'ok');
  });
});

function listVerdict(what: string): string {
  const found = LISTS.cases.find((one) => one.what === what) ?? assert.fail('no such case');
  const der = (i: number): Uint8Array => bytes(LISTS.der[i]);
  const result = verifyPath({
    chain: found.chain.map((i) => parsed(der(i))),
    trust: new TrustStore([parsed(der(LISTS.root))]),
    time: MADE,
    purpose: 'serverAuth',
    provider: nodeProvider,
    crls: found.crls.map((i) => parseCrl(der(i)) ?? assert.fail('no list')),
  });
  return result.ok ? 'ok' : result.code;
}

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function keyPair(): Pair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function spkiOf({ publicKey }: Pair): Uint8Array {
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
}

function signer({ privateKey }: Pair): (tbs: Uint8Array) => Uint8Array {
  return (tbs) => new Uint8Array(sign('sha256', tbs, privateKey));
}

const KEY_USAGE = (bits: number): Uint8Array => extension(0x0f, tlv(0x03, [0, bits]), true);
const SIGNS_LISTS = 0x02;
const SIGNS_CERTIFICATES = 0x04;

/** A list of the CA `issuer` with `extensions`, which revokes the certificates with `serials`. */
function encodeCrl(issuer: string, key: Pair, serials: readonly number[], extensions: Uint8Array[] = []) {
  const algorithm = tlv(0x30, tlv(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
  const entries = serials.map((serial) => tlv(0x30, tlv(0x02, [serial]), text(0x17, '260101000000Z')));
  const tbs = tlv(
    0x30,
    tlv(0x02, [1]),
    algorithm,
    commonName(issuer),
    text(0x17, '260101000000Z'),
    text(0x17, '300101000000Z'),
    entries.length === 0 ? [] : tlv(0x30, ...entries),
    extensions.length === 0 ? [] : tlv(0xa0, tlv(0x30, ...extensions)),
  );
  return parseCrl(tlv(0x30, tbs, algorithm, tlv(0x03, [0], signer(key)(tbs)))) ?? assert.fail('no list');
}

suite('the keys of one CA', () => {
  const [root, old, next, leafKey] = [keyPair(), keyPair(), keyPair(), keyPair()] as const;
  const caOf = (key: Pair, serial: number, usage: number): Uint8Array =>
    encodeCertificate(
      { subject: 'CA', issuer: 'Root', spki: spkiOf(key), serial, ca: true, extensions: [KEY_USAGE(usage)] },
      signer(root),
    );
  const anchor = parsed(
    encodeCertificate(
      { subject: 'Root', issuer: 'Root', spki: spkiOf(root), serial: 1, ca: true },
      signer(root),
    ),
  );
  const oldCa = parsed(caOf(old, 2, SIGNS_CERTIFICATES | SIGNS_LISTS));
  const point = tlv(0xa0, tlv(0xa0, text(0x86, 'http://a.example/1.crl')));
  const leaf = parsed(
    encodeCertificate(
      {
        subject: 'leaf',
        issuer: 'CA',
        spki: spkiOf(leafKey),
        serial: 9,
        dns: ['a.example'],
        extensions: [extension(0x1f, tlv(0x30, tlv(0x30, point)))],
      },
      signer(old),
    ),
  );
  const rootList = encodeCrl('Root', root, []);
  const verdict = (others: readonly Uint8Array[], list: ReturnType<typeof encodeCrl>): string => {
    const result = verifyPath({
      chain: [leaf, oldCa, ...others.map(parsed)],
      trust: new TrustStore([anchor]),
      time: Date.UTC(2027, 1, 1),
      purpose: 'serverAuth',
      provider: nodeProvider,
      crls: [rootList, list],
    });
    return result.ok ? 'ok' : result.code;
  };

  test("a list signed by another key of the CA counts where that key's certificate is present", () => {
    const nextCa = caOf(next, 3, SIGNS_CERTIFICATES | SIGNS_LISTS);
    assert.equal(verdict([nextCa], encodeCrl('CA', next, [])), 'ok');
    assert.equal(verdict([nextCa], encodeCrl('CA', next, [9])), 'CERT_REVOKED');
  });

  test('a list signed by an unknown key of that name does not count', () => {
    assert.equal(verdict([], encodeCrl('CA', next, [])), 'CRL_SIGNATURE_FAILURE');
  });

  test("a list under a key that the CA's issuer did not sign does not count, nor one that may not sign lists", () => {
    const forged = encodeCertificate(
      { subject: 'CA', issuer: 'Root', spki: spkiOf(next), serial: 3, ca: true },
      signer(next),
    );
    assert.equal(verdict([forged], encodeCrl('CA', next, [])), 'CRL_SIGNATURE_FAILURE');
    const noLists = caOf(next, 3, SIGNS_CERTIFICATES);
    assert.equal(verdict([noLists], encodeCrl('CA', next, [])), 'CRL_SIGNATURE_FAILURE');
  });

  const scoped = (idp: Uint8Array): Uint8Array[] => [extension(0x1c, tlv(0x30, idp), true)];
  const named = (uri: string): Uint8Array => tlv(0xa0, tlv(0xa0, text(0x86, uri)));

  test('a list of a distribution point counts only for the certificates that name it', () => {
    const list = (uri: string) => encodeCrl('CA', old, [], scoped(named(uri)));
    assert.equal(verdict([], list('http://a.example/1.crl')), 'ok');
    assert.equal(verdict([], list('http://a.example/2.crl')), 'UNABLE_TO_GET_CRL');
  });

  for (const [what, idp] of [
    ['some reasons', tlv(0x83, [1, 0x40])],
    ['other issuers', tlv(0x84, [0xff])],
    ['attribute certificates', tlv(0x85, [0xff])],
  ] as const) {
    test(`a list for ${what} does not prove that a certificate is good`, () => {
      assert.equal(verdict([], encodeCrl('CA', old, [], scoped(idp))), 'UNHANDLED_CRITICAL_CRL_EXTENSION');
    });
  }
});

interface OcspCases {
  readonly now: number;
  readonly path: readonly string[];
  readonly responses: Readonly<Record<string, string>>;
}

const OCSP = JSON.parse(file('ocsp.json')) as OcspCases;

suite('several answers in one OCSP response', () => {
  for (const [what, expected] of [
    ['two singles: other, then ours', 'good'],
    ['good then revoked, both ours', 'CERT_REVOKED'],
    ['old good (current) then newer revoked', 'CERT_REVOKED'],
    ['revoked then good', 'CERT_REVOKED'],
    ['expired single then current good', 'good'],
    ['expired', 'OCSP_HAS_EXPIRED'],
    ['other serial', 'OCSP_NO_RESPONSE'],
    ['noncritical unknown ext, value not DER', 'good'],
  ] as const) {
    test(`${what}: ${expected}`, () => {
      assert.equal(ocspVerdict(what), expected);
    });
  }

  test('a current revoked counts, whichever answer comes first', () => {
    for (const what of ['good then revoked, both ours', 'revoked then good'])
      assert.equal(ocspVerdict(what), 'CERT_REVOKED');
  });
});

suite('several answers about one certificate, signed by its CA', () => {
  const [caKey, leafKey] = [keyPair(), keyPair()];
  const ca = parsed(
    encodeCertificate(
      { subject: 'CA', issuer: 'CA', spki: spkiOf(caKey), serial: 1, ca: true },
      signer(caKey),
    ),
  );
  const leaf = parsed(
    encodeCertificate({ subject: 'leaf', issuer: 'CA', spki: spkiOf(leafKey), serial: 9 }, signer(caKey)),
  );
  const sha1 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha1').update(data).digest());
  const certId = tlv(
    0x30,
    tlv(0x30, tlv(0x06, [0x2b, 0x0e, 0x03, 0x02, 0x1a]), [0x05, 0]),
    tlv(0x04, sha1(ca.subject.der)),
    tlv(0x04, sha1(subjectPublicKey(ca.spki))),
    tlv(0x02, [9]),
  );
  const STATUS = {
    good: tlv(0x80),
    unknown: tlv(0x82),
    revoked: tlv(0xa1, text(0x18, '20260101000000Z')),
  } as const;
  type Answer = readonly [status: keyof typeof STATUS, year: number, end: number];

  const single = ([status, year, end]: Answer): Uint8Array =>
    tlv(
      0x30,
      certId,
      STATUS[status],
      text(0x18, `${year}0101000000Z`),
      tlv(0xa0, text(0x18, `${end}0101000000Z`)),
    );

  function verdict(answers: readonly Answer[]): string {
    const tbs = tlv(
      0x30,
      tlv(0xa1, ca.subject.der),
      text(0x18, '20260101000000Z'),
      tlv(0x30, ...answers.map(single)),
    );
    const basic = tlv(0x30, tbs, ECDSA_SHA256, tlv(0x03, [0], signer(caKey)(tbs)));
    const type = tlv(0x06, [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01]);
    const response = tlv(0x30, tlv(0x0a, [0]), tlv(0xa0, tlv(0x30, type, tlv(0x04, basic))));
    const [trust, time] = [new TrustStore([ca]), Date.UTC(2027, 5, 1)];
    const question = { response, path: [leaf, ca], trust, time, provider: nodeProvider, crls: undefined };
    return checkOcspResponse(question) ?? 'good';
  }

  const [OLD, NEW] = [2026, 2027];
  const LATER = 2030;
  for (const [answers, expected] of [
    [
      [
        ['good', OLD, LATER],
        ['unknown', NEW, LATER],
      ],
      'OCSP_CERT_UNKNOWN',
    ],
    [
      [
        ['unknown', OLD, LATER],
        ['good', NEW, LATER],
      ],
      'good',
    ],
    [
      [
        ['revoked', OLD, LATER],
        ['good', NEW, LATER],
      ],
      'CERT_REVOKED',
    ],
    [
      [
        ['revoked', OLD, LATER],
        ['unknown', NEW, LATER],
      ],
      'CERT_REVOKED',
    ],
    // A current list overrides an expired one.
    [
      [
        ['revoked', OLD, NEW],
        ['good', NEW, LATER],
      ],
      'good',
    ],
    [
      [
        ['unknown', OLD, NEW],
        ['good', OLD, LATER],
      ],
      'good',
    ],
  ] as const satisfies readonly (readonly [readonly Answer[], string])[]) {
    const what = answers.map(([status, year, end]) => `${status} of ${year} until ${end}`).join(', ');
    test(`${what}: ${expected}, in either order`, () => {
      assert.deepEqual([verdict(answers), verdict(answers.toReversed())], [expected, expected]);
    });
  }
});

function ocspVerdict(what: string): string {
  const path = OCSP.path.map((der) => parsed(bytes(der)));
  const root = path[2] ?? assert.fail();
  const code = checkOcspResponse({
    response: bytes(OCSP.responses[what]),
    path,
    trust: new TrustStore([root]),
    time: OCSP.now,
    provider: nodeProvider,
    crls: undefined,
  });
  return code ?? 'good';
}

suite('unusual encodings', () => {
  const ca = parsed(readCertificates(file('ca.pem'), 'ca')[0] ?? assert.fail());

  for (const name of ['ecdsa-null-params', 'ec-compressed', 'rsa-spki-nonull']) {
    test(`a certificate with ${name} verifies`, () => {
      const result = verifyPath({
        chain: readCertificates(file(`${name}.pem`), name).map(parsed),
        trust: new TrustStore([ca]),
        time: MADE,
        purpose: 'serverAuth',
        provider: nodeProvider,
      });
      assert.equal(result.ok ? 'ok' : result.code, 'ok');
    });

    test(`a certificate with ${name} matches its key, and no other`, () => {
      const cert = file(`${name}.pem`);
      const { identities } = resolveSecurity({ cert, key: file(`${name}.key`) }, 'server', PLATFORM);
      assert.equal(identities.length, 1);
      const other = keyPair().privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      assert.throws(() => resolveSecurity({ cert, key: other }, 'server', PLATFORM), {
        code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
      });
    });
  }
});

suite('a curve that is spelled out as parameters', () => {
  const explicit = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' });
  const certFor = (spki: Uint8Array): Uint8Array =>
    encodeCertificate({ subject: 'a', issuer: 'a', spki, serial: 1, dns: ['a.example'] }, signer(explicit));
  /** The key of the pair, as certificates name it. */
  const named = spkiOf({
    ...explicit,
    publicKey: createPublicKey({ key: explicit.publicKey.export({ format: 'jwk' }), format: 'jwk' }),
  });

  for (const type of ['pkcs8', 'sec1'] as const) {
    test(`in the file of the private key (${type}) does no harm beside a certificate that names the curve`, () => {
      for (const format of ['pem', 'der'] as const) {
        const key = explicit.privateKey.export({ type, format } as never) as string | Buffer;
        const { identities } = resolveSecurity({ cert: certFor(named), key }, 'server', PLATFORM);
        assert.deepEqual([identities[0]?.key.type, identities[0]?.leaf?.key.type], ['p256', 'p256']);
      }
    });

    test(`in the file of a raw public key (${type}) is sent as the curve's name`, () => {
      const key = explicit.privateKey.export({ type, format: 'pem' }) as string;
      const { identities } = resolveSecurity({ key, certificateTypes: ['RawPublicKey'] }, 'server', PLATFORM);
      assert.deepEqual(identities[0]?.chain, [named]);
    });
  }

  test('in our certificate is refused with ERR_DTLS_UNSUPPORTED_KEY', () => {
    const key = explicit.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    assert.ok(spkiOf(explicit).length > 300);
    assert.throws(() => resolveSecurity({ cert: certFor(spkiOf(explicit)), key }, 'server', PLATFORM), {
      code: 'ERR_DTLS_UNSUPPORTED_KEY',
      message: /options\.cert: .*spells its curve out/,
    });
  });

  test("in a peer's certificate is not supported, in a CA's it leads to no path", () => {
    const verify = (chain: readonly Uint8Array[], root: Uint8Array) => {
      const [trust, time] = [new TrustStore([parsed(root)]), Date.UTC(2027, 1, 1)];
      const question = { chain: chain.map(parsed), trust, time, provider: nodeProvider } as const;
      const result = verifyPath({ ...question, purpose: 'serverAuth' });
      return result.ok ? 'ok' : result.code;
    };
    const rootKey = keyPair();
    const root = encodeCertificate(
      { subject: 'Root', issuer: 'Root', spki: spkiOf(rootKey), serial: 1, ca: true },
      signer(rootKey),
    );
    const below = (spki: Uint8Array) =>
      encodeCertificate({ subject: 'a', issuer: 'Root', spki, serial: 2 }, signer(rootKey));
    assert.equal(verify([below(named)], root), 'ok');
    assert.equal(verify([below(spkiOf(explicit))], root), 'UNSUPPORTED_SIGNATURE_ALGORITHM');
    const explicitRoot = (spki: Uint8Array) =>
      encodeCertificate({ subject: 'Root', issuer: 'Root', spki, serial: 1, ca: true }, signer(explicit));
    const leaf = encodeCertificate(
      { subject: 'a', issuer: 'Root', spki: spkiOf(rootKey), serial: 2 },
      signer(explicit),
    );
    assert.equal(verify([leaf], explicitRoot(named)), 'ok');
    assert.equal(verify([leaf], explicitRoot(spkiOf(explicit))), 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY');
  });
});

suite('critical extensions about certificate policies', () => {
  const [rootKey, caKey, leafKey] = [keyPair(), keyPair(), keyPair()];
  const policy = tlv(0x06, [0x2a, 0x03, 0x04]);
  const EXTENSIONS: readonly (readonly [what: string, id: number, value: Uint8Array])[] = [
    ['policyMappings (2.5.29.33)', 0x21, tlv(0x30, tlv(0x30, policy, policy))],
    // requireExplicitPolicy from here on, which no certificate here meets.
    ['policyConstraints (2.5.29.36)', 0x24, tlv(0x30, tlv(0x80, [0]))],
    ['inhibitAnyPolicy (2.5.29.54)', 0x36, tlv(0x02, [0])],
  ];

  function verdict(inCa: readonly Uint8Array[], inLeaf: readonly Uint8Array[]): string {
    const root = encodeCertificate(
      { subject: 'Root', issuer: 'Root', spki: spkiOf(rootKey), serial: 1, ca: true },
      signer(rootKey),
    );
    const ca = encodeCertificate(
      { subject: 'CA', issuer: 'Root', spki: spkiOf(caKey), serial: 2, ca: true, extensions: inCa },
      signer(rootKey),
    );
    const leaf = encodeCertificate(
      { subject: 'leaf', issuer: 'CA', spki: spkiOf(leafKey), serial: 3, extensions: inLeaf },
      signer(caKey),
    );
    const result = verifyPath({
      chain: [leaf, ca].map(parsed),
      trust: new TrustStore([parsed(root)]),
      time: Date.UTC(2027, 1, 1),
      purpose: 'serverAuth',
      provider: nodeProvider,
    });
    return result.ok ? 'ok' : result.code;
  }

  for (const [what, id, value] of EXTENSIONS) {
    test(`${what} restricts nothing and is accepted in a CA and in a leaf, as SECURITY.md says`, () => {
      const [inCa, inLeaf] = [[extension(id, value, true)], []];
      assert.deepEqual([verdict(inCa, []), verdict(inLeaf, inCa)], ['ok', 'ok']);
    });
  }

  test('a critical extension that is not known is refused beside them', () => {
    const unknown = extension(0x7f, tlv(0x05), true);
    const known = EXTENSIONS.map(([, id, value]) => extension(id, value, true));
    assert.equal(verdict([...known, unknown], []), 'UNHANDLED_CRITICAL_EXTENSION');
  });
});
