import type { Purpose } from '#lib/x509/path-checks.js';

export interface Case {
  readonly what: string;
  /** Names of fixtures, leaf first. */
  readonly chain: string;
  /** `root` unless given. */
  readonly trust?: string;
  readonly ours: string;
  /** What OpenSSL says where that is not the same. */
  readonly openssl?: string;
  readonly purpose?: Purpose;
  /** Days after the fixtures were made; 1 unless given. */
  readonly day?: number;
  readonly host?: string | undefined;
  readonly partialChain?: boolean;
}

const SHORT = 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';

const building: readonly Case[] = [
  { what: 'a leaf under a root', chain: 'leaf', ours: 'ok' },
  { what: 'one intermediate', chain: 'leaf-int int', ours: 'ok' },
  { what: 'two intermediates', chain: 'leaf-int-2 int-2 int', ours: 'ok' },
  { what: 'intermediates in the wrong order', chain: 'leaf-int-2 int int-2', ours: 'ok' },
  { what: 'intermediates sent twice', chain: 'leaf-int-2 int int-2 int int-2', ours: 'ok' },
  { what: 'foreign certificates between', chain: 'leaf-int other-root short-int int cross', ours: 'ok' },
  { what: 'the root sent along', chain: 'leaf-int int root', ours: 'ok' },
  { what: 'an intermediate missing', chain: 'leaf-int-2 int-2', ours: SHORT },
  { what: 'a leaf whose issuer is unknown', chain: 'leaf-int', ours: SHORT },
  { what: 'no trust at all in the root', chain: 'leaf-int int', trust: 'other-root', ours: SHORT },
  {
    what: 'an untrusted root sent along',
    chain: 'leaf-int int root',
    trust: 'other-root',
    ours: 'SELF_SIGNED_CERT_IN_CHAIN',
  },
  { what: 'a self-signed leaf', chain: 'self-signed', ours: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  { what: 'a self-signed leaf that is trusted', chain: 'self-signed', trust: 'self-signed', ours: 'ok' },
  {
    what: 'a trusted self-signed leaf after its time',
    chain: 'short-self-signed',
    trust: 'short-self-signed',
    day: 11,
    ours: 'CERT_HAS_EXPIRED',
  },
  {
    what: 'a trusted intermediate alone',
    chain: 'leaf-int',
    trust: 'int',
    ours: 'UNABLE_TO_GET_ISSUER_CERT',
  },
  { what: 'a trusted intermediate and its root', chain: 'leaf-int', trust: 'int root', ours: 'ok' },
  { what: 'a trusted leaf alone', chain: 'leaf', trust: 'leaf', ours: SHORT },
  {
    what: 'a trusted intermediate, partial chains allowed',
    chain: 'leaf-int',
    trust: 'int',
    partialChain: true,
    ours: 'ok',
  },
  {
    what: 'a trusted leaf, partial chains allowed',
    chain: 'leaf',
    trust: 'leaf',
    partialChain: true,
    ours: 'ok',
  },
  { what: 'a root cross-signed by the trusted one', chain: 'leaf-other-root cross', ours: 'ok' },
  {
    what: 'a cross-signed root beside its self-signed twin',
    chain: 'leaf-other-root other-root cross',
    ours: 'ok',
    openssl: 'SELF_SIGNED_CERT_IN_CHAIN',
  },
  { what: 'roots that signed each other', chain: 'leaf-other-root cross-back cross', ours: 'ok' },
  {
    what: 'roots that signed each other, neither trusted',
    chain: 'leaf-other-root cross-back cross',
    trust: 'rsa-root',
    ours: SHORT,
  },
  {
    what: 'two CAs of one name, the right one last',
    chain: 'leaf-twin-2 twin-1 twin-2',
    ours: 'ok',
    openssl: 'CERT_SIGNATURE_FAILURE',
  },
  { what: 'two CAs of one name, the right one first', chain: 'leaf-twin-2 twin-2 twin-1', ours: 'ok' },
  {
    what: 'only the wrong one of two CAs of one name',
    chain: 'leaf-twin-2 twin-1',
    ours: 'CERT_SIGNATURE_FAILURE',
  },
  { what: 'an authority key identifier of another key', chain: 'leaf-wrong-id', ours: SHORT },
  { what: 'an issuer written in another case and spacing', chain: 'leaf-folded folded', ours: 'ok' },
];

const validity: readonly Case[] = [
  { what: 'an expired leaf', chain: 'short-leaf', day: 11, ours: 'CERT_HAS_EXPIRED' },
  { what: 'a leaf on its last day', chain: 'short-leaf', day: 9, ours: 'ok' },
  { what: 'an expired intermediate', chain: 'leaf-short-int short-int', day: 11, ours: 'CERT_HAS_EXPIRED' },
  {
    what: 'an expired root',
    chain: 'leaf-short-root',
    trust: 'short-root',
    day: 11,
    ours: 'CERT_HAS_EXPIRED',
  },
  { what: 'certificates of the future', chain: 'leaf-int int', day: -1, ours: 'CERT_NOT_YET_VALID' },
];

const authorities: readonly Case[] = [
  { what: 'a CA without basic constraints', chain: 'leaf-int-no-bc int-no-bc', ours: 'INVALID_CA' },
  { what: 'a CA with key usage only', chain: 'leaf-int-ku-no-bc int-ku-no-bc', ours: 'INVALID_CA' },
  { what: 'a leaf as CA', chain: 'leaf-int-ca-false int-ca-false', ours: 'INVALID_CA' },
  { what: 'a CA that may not sign certificates', chain: 'leaf-int-no-sign int-no-sign', ours: 'INVALID_CA' },
  { what: 'a version 1 intermediate', chain: 'leaf-int-v1 int-v1', ours: 'INVALID_CA' },
  { what: 'a trusted version 1 root', chain: 'leaf-v1-root', trust: 'v1-root', ours: 'ok' },
  { what: 'a trusted root that is no CA', chain: 'leaf-no-ca-root', trust: 'no-ca-root', ours: 'INVALID_CA' },
  { what: 'path length 0 above a leaf', chain: 'leaf-int-len0 int-len0', ours: 'ok' },
  {
    what: 'path length 0 above a CA',
    chain: 'leaf-int-below-len0 int-below-len0 int-len0',
    ours: 'PATH_LENGTH_EXCEEDED',
  },
  {
    what: 'path length 0 above a CA of the same name',
    chain: 'leaf-int-len0-again int-len0-again int-len0',
    ours: 'ok',
  },
  {
    what: 'an unknown critical extension in a CA',
    chain: 'leaf-int-critical int-critical',
    ours: 'UNHANDLED_CRITICAL_EXTENSION',
  },
  { what: 'critical certificate policies in a CA', chain: 'leaf-int-policy int-policy', ours: 'ok' },
];

const usages: readonly Case[] = [
  { what: 'a server CA', chain: 'leaf-int-eku-server int-eku-server', ours: 'ok' },
  {
    what: 'a client CA above a server',
    chain: 'leaf-int-eku-client int-eku-client',
    ours: 'INVALID_PURPOSE',
  },
  { what: 'a CA for any extended usage', chain: 'leaf-int-eku-any int-eku-any', ours: 'INVALID_PURPOSE' },
  {
    what: 'a server certificate from a client',
    chain: 'leaf',
    purpose: 'clientAuth',
    ours: 'INVALID_PURPOSE',
  },
  { what: 'a client certificate from a client', chain: 'leaf-client', purpose: 'clientAuth', ours: 'ok' },
  { what: 'a client certificate from a server', chain: 'leaf-client', ours: 'INVALID_PURPOSE' },
  { what: 'a certificate for both, from a client', chain: 'leaf-both', purpose: 'clientAuth', ours: 'ok' },
  { what: 'a certificate for both, from a server', chain: 'leaf-both', ours: 'ok' },
  { what: 'a certificate for any extended usage', chain: 'leaf-any', ours: 'INVALID_PURPOSE' },
  { what: 'a code signing certificate', chain: 'leaf-code', ours: 'INVALID_PURPOSE' },
  { what: 'a certificate without usages', chain: 'leaf-plain', ours: 'ok' },
  { what: 'a version 1 leaf', chain: 'leaf-v1', ours: 'ok' },
  // Our suites have the server sign; OpenSSL allows for RSA key exchange.
  { what: 'key usage encipherment only', chain: 'leaf-encipherment', ours: 'INVALID_PURPOSE', openssl: 'ok' },
  {
    what: 'key usage encipherment only, of a client',
    chain: 'leaf-encipherment',
    purpose: 'clientAuth',
    ours: 'INVALID_PURPOSE',
  },
  { what: 'key usage CRL signing only', chain: 'leaf-crl-sign', ours: 'INVALID_PURPOSE' },
  { what: 'a Netscape client certificate from a server', chain: 'leaf-netscape', ours: 'INVALID_PURPOSE' },
  {
    what: 'a Netscape client certificate from a client',
    chain: 'leaf-netscape',
    purpose: 'clientAuth',
    ours: 'INVALID_PURPOSE',
  },
  { what: 'a CA as leaf', chain: 'leaf-ca', ours: 'INVALID_PURPOSE' },
  { what: 'an unknown critical extension', chain: 'leaf-critical', ours: 'UNHANDLED_CRITICAL_EXTENSION' },
  { what: 'an unknown extension', chain: 'leaf-unknown', ours: 'ok' },
  { what: 'a proxy certificate', chain: 'leaf-proxy', ours: 'UNHANDLED_CRITICAL_EXTENSION', openssl: SHORT },
];

const algorithms: readonly Case[] = [
  { what: 'ECDSA P-384', chain: 'leaf-p384-root', trust: 'p384-root', ours: 'ok' },
  { what: 'Ed25519', chain: 'leaf-ed25519-root', trust: 'ed25519-root', ours: 'ok' },
  { what: 'RSA PKCS#1', chain: 'leaf-rsa-root', trust: 'rsa-root', ours: 'ok' },
  { what: 'RSA PKCS#1 with SHA-384', chain: 'leaf-int-rsa int-rsa', trust: 'rsa-root', ours: 'ok' },
  {
    what: 'RSA-PSS by an RSA key and by an RSA-PSS key',
    chain: 'leaf-int-pss int-pss',
    trust: 'rsa-root',
    ours: 'ok',
  },
  // RFC 8446 §4.2.3 fixes the salt to the length of the hash; certificates in the wild keep to it.
  {
    what: 'RSA-PSS with an odd salt',
    chain: 'leaf-int-pss-salt int-pss-salt',
    trust: 'rsa-root',
    ours: 'UNSUPPORTED_SIGNATURE_ALGORITHM',
    openssl: 'ok',
  },
  { what: 'a P-384 key under SHA-256', chain: 'leaf-p384-sha256', ours: 'ok' },
  { what: 'SHA-512 by a P-256 key', chain: 'leaf-sha512', ours: 'ok' },
  { what: 'an RSA key of 2048 bits', chain: 'leaf-rsa-key', ours: 'ok' },
  { what: 'an RSA key of 1024 bits', chain: 'leaf-rsa1024-key', ours: 'EE_KEY_TOO_SMALL' },
  { what: 'an Ed25519 key', chain: 'leaf-ed25519-key', ours: 'ok' },
  { what: 'a secp256k1 key', chain: 'leaf-k1-key', ours: 'UNSUPPORTED_SIGNATURE_ALGORITHM', openssl: 'ok' },
  {
    what: 'a secp256k1 CA',
    chain: 'leaf-int-k1 int-k1',
    ours: 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
    openssl: 'ok',
  },
  {
    what: 'a curve spelled out',
    chain: 'leaf-explicit-key',
    ours: 'UNSUPPORTED_SIGNATURE_ALGORITHM',
    openssl: 'EC_KEY_EXPLICIT_PARAMS',
  },
  { what: 'a CA of 1024 bits', chain: 'leaf-int-weak int-weak', ours: 'CA_KEY_TOO_SMALL' },
  { what: 'a root of 1024 bits', chain: 'leaf-weak-root', trust: 'weak-root', ours: 'CA_KEY_TOO_SMALL' },
  { what: 'a leaf signed with SHA-1', chain: 'leaf-sha1', ours: 'CA_MD_TOO_WEAK' },
  { what: 'a leaf signed with MD5', chain: 'leaf-md5', trust: 'rsa-root', ours: 'CA_MD_TOO_WEAK' },
  {
    what: 'a CA signed with SHA-1',
    chain: 'leaf-int-sha1 int-sha1',
    trust: 'rsa-root',
    ours: 'CA_MD_TOO_WEAK',
  },
  { what: 'a root signed with SHA-1', chain: 'leaf-sha1-root', trust: 'sha1-root', ours: 'ok' },
];

function constrained(leaf: string, ca: string, ours: string, openssl = ours, more = ''): Case {
  const what = `${leaf} under constraints on ${ca}`;
  return { what, chain: `${leaf}-int-nc-${ca} int-nc-${ca}${more}`, ours, openssl };
}

const PERMITTED = 'PERMITTED_VIOLATION';
const EXCLUDED = 'EXCLUDED_VIOLATION';
const FORM = 'UNSUPPORTED_CONSTRAINT_TYPE';

const nameConstraints: readonly Case[] = [
  constrained('good', 'dns', 'ok'),
  constrained('bad', 'dns', PERMITTED),
  constrained('suffix', 'dns', PERMITTED),
  constrained('wild', 'dns', 'ok'),
  constrained('other-form', 'dns', 'ok'),
  constrained('cn', 'dns', PERMITTED),
  // A common name with a wildcard is compared with host names, so it is constrained like one.
  constrained('cn-wild', 'dns', PERMITTED, 'ok'),
  constrained('cn-phrase', 'dns', 'ok'),
  constrained('cn-good', 'dns', 'ok'),
  constrained('good', 'dns-dot', 'ok'),
  constrained('bad', 'dns-dot', PERMITTED),
  constrained('good', 'dns-excluded', 'ok'),
  constrained('bad', 'dns-excluded', EXCLUDED),
  // The wildcard matches the excluded host, too.
  constrained('wild', 'dns-excluded', EXCLUDED, 'ok'),
  constrained('good', 'ip', 'ok'),
  constrained('bad', 'ip', PERMITTED),
  constrained('v6', 'ip', PERMITTED),
  constrained('good', 'ip6-excluded', 'ok'),
  constrained('bad', 'ip6-excluded', EXCLUDED),
  constrained('good', 'email', 'ok'),
  constrained('bad', 'email', PERMITTED),
  constrained('subject', 'email', PERMITTED),
  constrained('good', 'email-dot', 'ok'),
  constrained('bad', 'email-dot', PERMITTED),
  constrained('good', 'email-box', 'ok'),
  constrained('bad', 'email-box', EXCLUDED),
  // Forms that we do not look into are refused as soon as they are constrained.
  constrained('smtp', 'email', FORM, PERMITTED),
  constrained('good', 'uri', 'ok'),
  constrained('bad', 'uri', FORM, PERMITTED),
  constrained('known', 'uri', FORM, 'ok'),
  constrained('good', 'directory', 'ok'),
  constrained('bad', 'directory', PERMITTED),
  constrained('san', 'directory', PERMITTED),
  constrained('good', 'below', 'ok', 'ok', ' int-nc-dns'),
  constrained('bad', 'below', PERMITTED, PERMITTED, ' int-nc-dns'),
  { what: 'constraints in the root', chain: 'leaf-nc-root', trust: 'nc-root', ours: PERMITTED },
];

function named(fixture: string, host: string, ours: string, openssl = ours): Case {
  return { what: `name-${fixture} for ${host}`, chain: `name-${fixture}`, host, ours, openssl };
}

const HOST = 'HOSTNAME_MISMATCH';
const ADDRESS = 'IP_ADDRESS_MISMATCH';

const hostNames: readonly Case[] = [
  { what: 'the host name', chain: 'leaf', host: 'www.example.com', ours: 'ok' },
  { what: 'the host name in capitals', chain: 'leaf', host: 'WWW.Example.COM', ours: 'ok' },
  { what: 'another host name', chain: 'leaf', host: 'www.example.org', ours: HOST },
  { what: 'a name below', chain: 'leaf', host: 'a.www.example.com', ours: HOST },
  { what: 'a leading dot', chain: 'leaf', host: '.example.com', ours: HOST, openssl: 'ok' },
  { what: 'a trailing dot', chain: 'leaf', host: 'www.example.com.', ours: HOST },
  named('wildcard', 'www.example.com', 'ok'),
  named('wildcard', 'xn--bcher-kva.example.com', 'ok'),
  named('wildcard', 'example.com', HOST),
  named('wildcard', 'a.b.example.com', HOST),
  named('wildcard', 'under_score.example.com', HOST),
  named('wildcard', 'ignored.example.org', HOST),
  named('wide', 'example.com', HOST),
  named('wide', 'com', HOST),
  // node:dtls sets NO_PARTIAL_WILDCARDS, which `openssl verify` does not.
  named('partial', 'www.example.com', HOST, 'ok'),
  named('partial', 'www.example.org', HOST, 'ok'),
  named('partial', 'www.example.net', HOST),
  named('idna', 'xn--bcher-kva.example', 'ok'),
  named('idna', 'www.xn--bcher-kva.example', 'ok'),
  named('idna', 'bücher.example', 'ok', HOST),
  named('idna', 'BÜCHER.example', 'ok', HOST),
  named('cn', 'cn.example.com', 'ok'),
  named('cn', 'example.com', HOST),
  named('two-cn', 'second.example.com', 'ok'),
  named('cn-ip', '192.0.2.1', ADDRESS),
  named('dns-ip', '192.0.2.1', ADDRESS),
  named('ip', '192.0.2.1', 'ok'),
  named('ip', '192.0.2.2', ADDRESS),
  named('ip', '2001:db8::1', 'ok'),
  named('ip', '2001:0DB8:0:0:0::0.0.0.1', 'ok'),
  named('ip', '::ffff:192.0.2.1', ADDRESS),
  // OpenSSL looks at common names also beside a subjectAltName without DNS names.
  named('ip', 'cn.example.com', HOST, 'ok'),
];

export const cases: readonly (readonly [group: string, cases: readonly Case[]])[] = [
  ['path building', building],
  ['validity', validity],
  ['authorities', authorities],
  ['usages', usages],
  ['algorithms', algorithms],
  ['name constraints', nameConstraints],
  ['host names', hostNames],
];
