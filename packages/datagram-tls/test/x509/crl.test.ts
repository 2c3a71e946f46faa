import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { type Crl, parseCrl } from '#lib/x509/crl.js';
import { verifyPath } from '#lib/x509/path.js';
import { readCrls } from '#lib/x509/pem.js';
import { isThere, opensslVerify } from './openssl.js';
import { certificate, crlPem, day, pem, store } from './pki.js';

interface Case {
  readonly what: string;
  readonly chain: string;
  readonly crls: string;
  readonly ours: string;
  readonly trust?: string;
  readonly day?: number;
}

const cases: readonly Case[] = [
  { what: 'a leaf that is on no list', chain: 'leaf', crls: 'root', ours: 'ok' },
  { what: 'a revoked leaf', chain: 'leaf', crls: 'root-revokes', ours: 'CERT_REVOKED' },
  { what: 'another leaf than the revoked ones', chain: 'leaf-both', crls: 'root-revokes', ours: 'ok' },
  { what: 'lists for each CA', chain: 'leaf-int int', crls: 'root int', ours: 'ok' },
  {
    what: 'a revoked leaf below an intermediate',
    chain: 'leaf-int int',
    crls: 'root int-revokes',
    ours: 'CERT_REVOKED',
  },
  { what: 'a revoked intermediate', chain: 'leaf-int int', crls: 'root-revokes int', ours: 'CERT_REVOKED' },
  { what: 'no list for the intermediate', chain: 'leaf-int int', crls: 'root', ours: 'UNABLE_TO_GET_CRL' },
  { what: 'a list of another CA', chain: 'leaf', crls: 'other', ours: 'UNABLE_TO_GET_CRL' },
  { what: 'a list that is outdated', chain: 'leaf', crls: 'root-short', day: 11, ours: 'CRL_HAS_EXPIRED' },
  {
    what: 'a list that is current beside an outdated one',
    chain: 'leaf',
    crls: 'root-short root',
    day: 11,
    ours: 'ok',
  },
  { what: 'a list with the wrong signature', chain: 'leaf', crls: 'forged', ours: 'CRL_SIGNATURE_FAILURE' },
  { what: 'a delta list', chain: 'leaf', crls: 'delta', ours: 'UNHANDLED_CRITICAL_CRL_EXTENSION' },
  {
    what: 'a CA that may not sign lists',
    chain: 'leaf-no-crl-root',
    trust: 'no-crl-root',
    crls: 'no-crl',
    ours: 'KEYUSAGE_NO_CRL_SIGN',
  },
];

suite('certificate revocation lists', () => {
  for (const question of cases) {
    test(`${question.what}: ${question.ours}`, () => {
      const { chain, trust = 'root' } = question;
      const result = verifyPath({
        chain: chain.split(' ').map(certificate),
        trust: store(trust),
        time: day(question.day ?? 1),
        purpose: 'serverAuth',
        provider: nodeProvider,
        crls: question.crls.split(' ').map((name) => crl(name)),
      });
      assert.equal(result.ok ? 'ok' : result.code, question.ours);
    });
  }

  test('openssl verify agrees, except on a delta list', {
    skip: !isThere && 'no OpenSSL 3 on this machine',
  }, () => {
    for (const { what, chain, crls, trust = 'root', ...rest } of cases) {
      const answer = opensslVerify({
        chain: chain.split(' ').map(pem),
        trust: [pem(trust)],
        time: day(rest.day ?? 1),
        purpose: 'serverAuth',
        crls: crls.split(' ').map(crlPem),
      });
      // Unless deltas are enabled, OpenSSL 3.0.22 has no list then; earlier releases take a delta list as a full one.
      if (what === 'a delta list') assert.match(answer, /^(?:UNABLE_TO_GET_CRL|ok)$/);
      else assert.equal(answer, rest.ours, what);
    }
  });

  test('no truncation and no change of a byte makes the parser throw', () => {
    const [whole = new Uint8Array()] = readCrls(crlPem('root-revokes'), 'crl');
    for (let at = 0; at < whole.length; at++) {
      assert.equal(parseCrl(whole.subarray(0, at)), undefined);
      for (const mask of [1, 4, 0x20, 0x80, 0xff]) {
        const changed = whole.slice();
        changed[at] = (changed[at] as number) ^ mask;
        parseCrl(changed)?.isRevoked(Uint8Array.of(1));
      }
    }
  });

  test('a list in PEM is not a certificate, and vice versa', () => {
    assert.throws(() => readCrls(pem('leaf'), 'options.crl'), {
      message: /^options\.crl holds no CRL .*holds a CERTIFICATE$/,
    });
  });
});

function crl(name: string): Crl {
  const [der] = readCrls(crlPem(name), name);
  const parsed = der && parseCrl(der);
  assert.ok(parsed, name);
  return parsed;
}
