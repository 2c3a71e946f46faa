import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { KeyType, PrivateKey } from '#lib/crypto/provider.js';
import { DEFAULT_SCHEMES } from '#lib/crypto/signatures.js';
import { SUITES, suiteByName } from '#lib/crypto/suites.js';
import {
  chooseCredential12,
  chooseGroup,
  chooseScheme,
  curveAccepted,
  keyFitsSuite,
  offeredGroup,
  offeredScheme,
} from '#lib/handshake/negotiate.js';
import { Group, Scheme, type SchemeName } from '#lib/wire/codes.js';
import { FACTS_12, FACTS_13, isAtLeast, isLatest } from '#lib/wire/version.js';
import { SERVERS } from '../support/identities.js';
import { security } from '../support/settings.js';

function key(type: KeyType, bits: number): PrivateKey {
  return { type, bits, hashes: undefined, spki: new Uint8Array(0), handle: undefined };
}

const KEYS: readonly [KeyType, number][] = [
  ['ed25519', 255],
  ['ed448', 448],
  ['p256', 256],
  ['p384', 384],
  ['p521', 521],
  ['rsa', 2048],
  ['rsa-pss', 2048],
];

suite('versions', () => {
  test('versions are ordered against their wire codes', () => {
    assert.ok(isAtLeast('DTLSv1.3', 'DTLSv1.2') && isAtLeast('DTLSv1.2', 'DTLSv1.2'));
    assert.ok(!isAtLeast('DTLSv1.2', 'DTLSv1.3'));
  });

  test('are the latest where nothing better may be spoken', () => {
    assert.ok(isLatest([FACTS_13, FACTS_12], FACTS_13) && isLatest([FACTS_12], FACTS_12));
    assert.ok(!isLatest([FACTS_13, FACTS_12], FACTS_12));
  });
});

suite('choices', () => {
  test('choices follow our order of preference, not the peer’s', () => {
    const theirs = [Group.secp384r1, Group.x25519];
    assert.equal(chooseGroup(['x25519', 'secp384r1'], theirs, 'DTLSv1.2'), 'x25519');
    assert.equal(chooseGroup(['secp384r1', 'x25519'], theirs, 'DTLSv1.2'), 'secp384r1');
  });

  test('a hybrid group is never chosen in DTLS 1.2', () => {
    const theirs = [Group.X25519MLKEM768, Group.x25519];
    assert.equal(chooseGroup(['X25519MLKEM768', 'x25519'], theirs, 'DTLSv1.2'), 'x25519');
    assert.equal(chooseGroup(['X25519MLKEM768', 'x25519'], theirs, 'DTLSv1.3'), 'X25519MLKEM768');
    assert.equal(chooseGroup(['X25519MLKEM768'], theirs, 'DTLSv1.2'), undefined);
  });

  test("a peer's choice is accepted only from our offer", () => {
    assert.equal(offeredGroup(Group.secp256r1, ['x25519', 'secp256r1']), 'secp256r1');
    assert.equal(offeredGroup(Group.secp384r1, ['x25519', 'secp256r1']), undefined);
    assert.equal(offeredGroup(0x0100, ['x25519']), undefined);
    assert.equal(offeredScheme(Scheme.ed25519, ['ed25519']), 'ed25519');
    assert.equal(offeredScheme(Scheme.rsa_pkcs1_sha256, ['ed25519']), undefined);
    assert.equal(offeredScheme(0x0201, DEFAULT_SCHEMES), undefined);
  });
});

suite('keys and what they can sign', () => {
  const CAN: Record<KeyType, { 'DTLSv1.2': SchemeName[]; 'DTLSv1.3': SchemeName[] }> = {
    ed25519: { 'DTLSv1.2': ['ed25519'], 'DTLSv1.3': ['ed25519'] },
    ed448: { 'DTLSv1.2': ['ed448'], 'DTLSv1.3': ['ed448'] },
    p256: ecdsa('ecdsa_secp256r1_sha256'),
    p384: ecdsa('ecdsa_secp384r1_sha384'),
    p521: ecdsa('ecdsa_secp521r1_sha512'),
    rsa: {
      'DTLSv1.2': [...rsa('rsa_pss_rsae'), ...rsa('rsa_pkcs1')],
      'DTLSv1.3': rsa('rsa_pss_rsae'),
    },
    'rsa-pss': { 'DTLSv1.2': rsa('rsa_pss_pss'), 'DTLSv1.3': rsa('rsa_pss_pss') },
  };

  for (const [type, bits] of KEYS) {
    for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
      test(`the schemes of a ${type} key in ${version}`, () => {
        const able = DEFAULT_SCHEMES.filter(
          (name) => chooseScheme(key(type, bits), [name], [Scheme[name]], version) === name,
        );
        assert.deepEqual(able.toSorted(), CAN[type][version].toSorted());
      });
    }
  }

  test('only a scheme in both lists is chosen', () => {
    const p256 = key('p256', 256);
    const { ecdsa_secp256r1_sha256: sha256, ecdsa_secp384r1_sha384: sha384 } = Scheme;
    assert.equal(chooseScheme(p256, DEFAULT_SCHEMES, [sha384], 'DTLSv1.2'), 'ecdsa_secp384r1_sha384');
    assert.equal(chooseScheme(p256, ['ecdsa_secp384r1_sha384'], [sha256], 'DTLSv1.2'), undefined);
    assert.equal(chooseScheme(p256, DEFAULT_SCHEMES, [], 'DTLSv1.2'), undefined);
  });

  test('a key serves the suites of its type', () => {
    for (const [type] of KEYS) {
      for (const suite of SUITES) {
        const rsa = type.startsWith('rsa');
        const fits = suite.version === 'DTLSv1.3' || suite.name.includes(rsa ? 'ECDHE_RSA' : 'ECDHE_ECDSA');
        assert.equal(keyFitsSuite(type, suite), fits, `${type} ${suite.name}`);
      }
    }
  });

  test('the curve of a certificate has to be among the groups of a client that lists some', () => {
    assert.ok(curveAccepted('p256', [Group.secp256r1]));
    assert.ok(!curveAccepted('p256', [Group.x25519]));
    assert.ok(!curveAccepted('p521', [Group.secp384r1]));
    for (const [type] of KEYS) assert.ok(curveAccepted(type, undefined));
    for (const type of ['ed25519', 'rsa', 'rsa-pss'] as const) assert.ok(curveAccepted(type, []));
  });

  function ecdsa(own: SchemeName) {
    const all: SchemeName[] = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512'];
    return { 'DTLSv1.2': all, 'DTLSv1.3': [own] };
  }

  function rsa(kind: 'rsa_pss_rsae' | 'rsa_pss_pss' | 'rsa_pkcs1'): SchemeName[] {
    return [`${kind}_sha256`, `${kind}_sha384`, `${kind}_sha512`];
  }
});

suite('suite and certificate in DTLS 1.2', () => {
  const both = {
    cert: [SERVERS.rsa.cert, SERVERS.ed25519.cert],
    key: [SERVERS.rsa.key, SERVERS.ed25519.key],
  };
  const { identities, suites, sigalgs } = security('server', 'DTLSv1.2', both);
  const ecdsa = suiteByName('ECDHE-ECDSA-AES128-GCM-SHA256') ?? assert.fail();
  const rsa = suiteByName('ECDHE-RSA-AES256-GCM-SHA384') ?? assert.fail();
  const schemes = DEFAULT_SCHEMES.map((name) => Scheme[name]);
  const types = ['X509'] as const;
  const wishes = { suites: [ecdsa.code, rsa.code], schemes, groups: [Group.x25519], types };

  test('the first of our suites that the client offers and a certificate can serve is chosen', () => {
    const choice = chooseCredential12(suites, identities, sigalgs, wishes);
    assert.deepEqual(
      [choice?.suite, choice?.identity.key.type, choice?.scheme],
      [ecdsa, 'ed25519', 'ed25519'],
    );
    const other = chooseCredential12(suites, identities, sigalgs, { ...wishes, suites: [rsa.code] });
    assert.deepEqual([other?.suite, other?.identity.key.type], [rsa, 'rsa']);
  });

  test('a certificate is skipped when the client cannot check its signature', () => {
    const pkcs1 = { ...wishes, schemes: [Scheme.rsa_pkcs1_sha256] };
    const choice = chooseCredential12(suites, identities, sigalgs, pkcs1);
    assert.deepEqual([choice?.suite, choice?.scheme], [rsa, 'rsa_pkcs1_sha256']);
  });

  test('no suite in common gives no choice', () => {
    assert.equal(
      chooseCredential12(suites, identities, sigalgs, { ...wishes, suites: [0x1301, 0x002f] }),
      undefined,
    );
    assert.equal(chooseCredential12(suites, [], sigalgs, wishes), undefined);
    assert.equal(chooseCredential12(suites, identities, sigalgs, { ...wishes, schemes: [] }), undefined);
  });
});
