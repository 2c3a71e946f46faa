import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { SchemeName } from '#lib/wire/codes.js';
import type { TestedVersion } from './settings.js';

/** A kind of key, and what the RFCs let it sign: not asked of the code that is tested. */
export interface KeyRow {
  readonly name: string;
  readonly make: () => KeyObject;
  readonly can: Readonly<Record<TestedVersion, readonly SchemeName[]>>;
}

const ECDSA = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512'] as const;
const RSAE = ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'] as const;
const PKCS1 = ['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'] as const;
const PSS = ['rsa_pss_pss_sha256', 'rsa_pss_pss_sha384', 'rsa_pss_pss_sha512'] as const;

/** RFC 8422 §5.4 and RFC 8446 §4.2.3: a curve takes any hash in DTLS 1.2 and one in 1.3; PKCS #1 v1.5 is for 1.2. */
export const KEYS: readonly KeyRow[] = [
  row('RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), [...RSAE, ...PKCS1], RSAE),
  row(
    'RSA of 1024 bits',
    () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
    [...[...RSAE.slice(0, 2), ...PKCS1]],
    RSAE.slice(0, 2),
  ),
  row('RSA-PSS', () => pss(undefined), PSS),
  ...(['sha256', 'sha384', 'sha512'] as const).map((hash) =>
    row(`RSA-PSS for ${hash}`, () => pss(hash), [`rsa_pss_pss_${hash}`]),
  ),
  row('RSA-PSS for sha1', () => pss('sha1'), []),
  row('RSA-PSS for sha256 masked with sha384', () => pss('sha256', 'sha384'), []),
  row('RSA-PSS for salts of 40 bytes and more', () => pss('sha256', 'sha256', 40), []),
  ...(['P-256', 'P-384', 'P-521'] as const).map((namedCurve, i) =>
    row(namedCurve, () => generateKeyPairSync('ec', { namedCurve }), ECDSA, ECDSA.slice(i, i + 1)),
  ),
  row('Ed25519', () => generateKeyPairSync('ed25519'), ['ed25519']),
  row('Ed448', () => generateKeyPairSync('ed448'), ['ed448']),
];

function row(
  name: string,
  make: () => { readonly privateKey: KeyObject },
  in12: readonly SchemeName[],
  in13: readonly SchemeName[] = in12,
): KeyRow {
  return { name, make: () => make().privateKey, can: { 'DTLSv1.2': in12, 'DTLSv1.3': in13 } };
}

function pss(hash: string | undefined, mask = hash, saltLength?: number) {
  const bound = hash === undefined ? {} : { hashAlgorithm: hash, mgf1HashAlgorithm: mask };
  return generateKeyPairSync('rsa-pss', {
    modulusLength: 2048,
    ...bound,
    // Its type says text; Node wants a number.
    ...(saltLength === undefined ? {} : { saltLength: saltLength as never }),
  });
}
