import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { type Certificate, parseCertificate } from '#lib/x509/certificate.js';
import { verifyName } from '#lib/x509/names.js';
import { verifyPath } from '#lib/x509/path.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { Random } from '../support/random.js';
import { isThere, opensslVerifyAll, type Setting } from './openssl.js';
import { HOSTS, type RandomPki, randomPki } from './random-pki.js';

const PKIS = 150;
const TIME = Date.UTC(2030, 0);

/** Where we refuse what OpenSSL accepts, and why. */
const STRICTER = new Set([
  // An extension twice, or extensions in version 1 (RFC 5280 §4.1.2.1, §4.2).
  'unreadable',
  // A CA without basic constraints but with the key usage of a CA (RFC 5280 §6.1.4 (k)).
  'INVALID_CA',
  // A leaf whose key usage allows everything except signatures, the only use that a handshake makes of it.
  'INVALID_PURPOSE',
  // The common name is the host name; the subjectAltName has no DNS name.
  'common name beside a subjectAltName',
]);

/** One question in full, and both answers. */
interface Answer {
  readonly ours: string;
  /** `ok`: OpenSSL accepts the leaf, or the path that we found for it. */
  readonly openssl: string;
  readonly about: string;
}

function askBoth(seed: number): Answer[] {
  const random = new Random(seed);
  const pki = randomPki(random);
  const setting: Setting = {
    trust: pki.anchors.map(pem),
    time: TIME,
    purpose: random.pick(['serverAuth', 'clientAuth']),
    host: random.chance(0.7) ? undefined : random.pick([...HOSTS, '192.0.2.65']),
  };
  const leaves = pki.leaves.map(({ der }) => pem(der));
  const theirs = opensslVerifyAll(leaves, pki.intermediates.map(pem), setting);
  return pki.leaves.map(({ der, fault }, i) => {
    const found = ourVerdict(pki, der, setting);
    const about = `seed ${seed}, leaf ${i} with ${fault}`;
    if (typeof found === 'string') return { ours: found, openssl: theirs[i] ?? 'none', about };
    return { ours: 'ok', openssl: theirs[i] === 'ok' ? 'ok' : confirmed(found, setting), about };
  });
}

/** OpenSSL does not try a second path when its first one fails. Given only our path, it must accept it. */
function confirmed(path: readonly Certificate[], setting: Setting): string {
  const [leaf = '', ...issuers] = path.map(({ der }) => pem(der));
  return opensslVerifyAll([leaf], issuers, { ...setting, trust: issuers.slice(-1) })[0] ?? 'none';
}

/** The path, or the error. */
function ourVerdict(
  { anchors, intermediates }: RandomPki,
  leaf: Uint8Array,
  { purpose, host }: Setting,
): readonly Certificate[] | string {
  const chain = [leaf, ...intermediates].map(parseCertificate);
  const readable = chain.filter((certificate) => certificate !== undefined);
  const [first] = readable;
  if (readable.length < chain.length || first === undefined) return 'unreadable';
  const trust = TrustStore.fromDer(anchors);
  const result = verifyPath({ chain: readable, trust, time: TIME, purpose, provider: nodeProvider });
  if (!result.ok) return result.code;
  const mismatch = host === undefined ? undefined : verifyName(first, host);
  const { subjectAltName } = first.extensions;
  const isBeside = subjectAltName?.dns.length === 0 && first.subject.commonNames.includes(host ?? '');
  return mismatch === undefined ? result.path : isBeside ? 'common name beside a subjectAltName' : mismatch;
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

suite('random PKIs', { skip: !isThere && 'no OpenSSL 3' }, () => {
  const first = Number(process.env['DTLS_SEED'] ?? 1);
  const answers = Array.from({ length: isThere ? PKIS : 0 }, (_, i) => askBoth(first + i)).flat();
  const describe = ({ ours, openssl, about }: Answer): string => `${about}: ours ${ours}, OpenSSL ${openssl}`;

  test('no path is accepted that OpenSSL rejects', () => {
    const wrong = answers.filter(({ ours, openssl }) => ours === 'ok' && openssl !== 'ok');
    assert.deepEqual(wrong.map(describe), []);
  });

  test('what OpenSSL accepts is accepted, except for known stricter rules', () => {
    const wrong = answers.filter(
      ({ ours, openssl }) => openssl === 'ok' && ours !== 'ok' && !STRICTER.has(ours),
    );
    assert.deepEqual(wrong.map(describe), []);
  });

  test('random PKIs are neither all valid nor all invalid, and fail in many ways', () => {
    const accepted = answers.filter(({ ours }) => ours === 'ok').length;
    assert.ok(accepted > answers.length / 10 && accepted < answers.length / 2, `${accepted} accepted`);
    const codes = new Set(answers.map(({ ours }) => ours));
    assert.ok(codes.size >= 12, [...codes].join(' '));
  });
});
