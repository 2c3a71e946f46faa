import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import type { Certificate } from '#lib/x509/certificate.js';
import { type Crl, parseCrl } from '#lib/x509/crl.js';
import { checkOcspResponse, isResponseFor, parseOcspResponse } from '#lib/x509/ocsp.js';
import { readCertificates, readCrls } from '#lib/x509/pem.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { JUDGEMENT_DAY } from '../support/identities.js';
import { ocspResponse, statusFile, statusPem } from '../support/ocsp.js';
import { tlv } from './encode.js';
import { isThere } from './openssl.js';
import { parsed } from './pki.js';

function certificate(name: string): Certificate {
  return parsed(readCertificates(statusPem(name), name)[0] ?? assert.fail());
}

const ca = certificate('ca');
const leaf = certificate('leaf');
const GOOD = ocspResponse('good');
/** When the responses were made. */
const MADE = parseOcspResponse(GOOD)?.responses[0]?.thisUpdate ?? assert.fail();
const MINUTE = 60_000;
const NO_OPENSSL = !isThere && 'no OpenSSL 3';

interface Circumstances {
  readonly time?: number;
  /** From the certificate that the response is to be about to the anchor. */
  readonly path?: readonly Certificate[];
  /** Names of revocation lists. */
  readonly lists?: readonly string[];
}

function check(response: Uint8Array, circumstances: Circumstances = {}, provider = nodeProvider): string {
  const { time = JUDGEMENT_DAY, path = [leaf, ca], lists } = circumstances;
  const crls = lists?.map(list);
  return checkOcspResponse({ response, path, trust: new TrustStore([ca]), time, provider, crls }) ?? 'ok';
}

function list(name: string): Crl {
  const [der] = readCrls(statusFile(`${name}.crl`), name);
  return (der && parseCrl(der)) ?? assert.fail();
}

/** What `openssl ocsp` makes of it: whether the signer may speak for the CA, and the status. */
function opensslAccepts(
  response: Uint8Array,
  certId: readonly string[],
  about = 'leaf',
  issuer = 'ca',
): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'ocsp-'));
  const file = (name: string, data: string | Uint8Array): string => {
    writeFileSync(join(folder, name), data);
    return join(folder, name);
  };
  try {
    const respin = file('response', response);
    const caFile = file('ca', statusPem('ca'));
    const args = ['ocsp', '-respin', respin, '-CAfile', caFile];
    args.push(
      '-issuer',
      file('issuer', statusPem(issuer)),
      ...certId,
      '-cert',
      file('about', statusPem(about)),
    );
    const { stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
    return stderr.includes('Response verify OK') && /: good$/m.test(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Case {
  readonly what: string;
  readonly response: string;
  readonly ours: string;
  readonly time?: number;
  /** How `openssl ocsp` is to name the certificate. */
  readonly certId?: readonly string[];
  /** We refuse what OpenSSL accepts. */
  readonly stricter?: true;
}

const cases: readonly Case[] = [
  { what: 'signed by a delegated responder', response: 'good', ours: 'ok' },
  { what: 'signed by the CA itself', response: 'good-by-ca', ours: 'ok' },
  { what: 'of a responder named by its key', response: 'good-by-key', ours: 'ok' },
  { what: 'with a CertID of SHA-256', response: 'good-sha256', ours: 'ok', certId: ['-sha256'] },
  { what: 'with a CertID of SHA-512', response: 'good-sha512', ours: 'ok', certId: ['-sha512'] },
  { what: 'that says revoked', response: 'revoked', ours: 'CERT_REVOKED' },
  { what: 'that says unknown', response: 'unknown', ours: 'OCSP_CERT_UNKNOWN' },
  { what: 'about another certificate', response: 'about-another', ours: 'OCSP_NO_RESPONSE' },
  {
    what: 'about a CA of the same name with another key',
    response: 'about-twin',
    ours: 'OCSP_NO_RESPONSE',
  },
  { what: 'with a wrong signature', response: 'bad-signature', ours: 'OCSP_SIGNATURE_FAILURE' },
  { what: "without the responder's certificate", response: 'no-certificates', ours: 'OCSP_VERIFY_FAILED' },
  { what: "signed by another CA's responder", response: 'by-other-responder', ours: 'OCSP_VERIFY_FAILED' },
  { what: 'signed by a responder of a CA below', response: 'by-sub-responder', ours: 'OCSP_VERIFY_FAILED' },
  { what: 'signed without id-kp-OCSPSigning', response: 'by-no-ocsp-responder', ours: 'OCSP_VERIFY_FAILED' },
  { what: 'signed by the certificate it is about', response: 'by-leaf', ours: 'OCSP_VERIFY_FAILED' },
  {
    what: 'signed with an unknown critical extension',
    response: 'by-odd-responder',
    ours: 'OCSP_VERIFY_FAILED',
  },
  {
    what: 'signed with a key that is not for signatures',
    response: 'by-no-signature-responder',
    ours: 'OCSP_VERIFY_FAILED',
    stricter: true,
  },
  { what: 'within its ten minutes', response: 'ten-minutes', ours: 'ok', time: MADE + 9 * MINUTE },
  {
    what: 'after its ten minutes',
    response: 'ten-minutes',
    ours: 'OCSP_HAS_EXPIRED',
    time: MADE + 11 * MINUTE,
  },
  { what: 'without an end, within a day', response: 'no-end', ours: 'ok', time: MADE + 23 * 60 * MINUTE },
  {
    what: 'without an end, after a day',
    response: 'no-end',
    ours: 'OCSP_HAS_EXPIRED',
    time: MADE + 25 * 60 * MINUTE,
  },
  { what: 'of a clock that is a little ahead', response: 'good-by-ca', ours: 'ok', time: MADE - 4 * MINUTE },
  {
    what: 'of the future',
    response: 'good-by-ca',
    ours: 'OCSP_NOT_YET_VALID',
    time: MADE - 6 * MINUTE,
  },
];

suite('OCSP responses', () => {
  for (const { what, response, ours, time = JUDGEMENT_DAY, certId = [], stricter } of cases) {
    test(`a response ${what}: ${ours}`, () => assert.equal(check(ocspResponse(response), { time }), ours));

    // OpenSSL compares the times of a response with the system clock and ignores the given time.
    if (time !== JUDGEMENT_DAY) continue;
    test(`a response ${what}: OpenSSL ${stricter ? 'accepts it' : 'agrees'}`, { skip: NO_OPENSSL }, () => {
      const accepted = opensslAccepts(ocspResponse(response), certId);
      assert.equal(accepted, ours === 'ok' || stricter === true);
    });
  }

  test('an unsuccessful response is refused', () => {
    for (const status of [1, 2, 3, 5, 6])
      assert.equal(check(tlv(0x30, tlv(0x0a, [status]))), 'OCSP_RESP_INVALID');
  });

  test('a response that is cut off anywhere, or has extra bytes, is refused', () => {
    for (let length = 0; length < GOOD.length; length++)
      assert.equal(check(GOOD.subarray(0, length)), 'OCSP_RESP_INVALID', `at ${length}`);
    assert.equal(check(Uint8Array.from([...GOOD, 0])), 'OCSP_RESP_INVALID');
  });

  test('a response with any changed byte is refused, unless that byte is not read', () => {
    const accepted: number[] = [];
    for (let at = 0; at < GOOD.length; at++) {
      const changed = GOOD.slice();
      changed[at] = (changed[at] as number) ^ 0x01;
      if (check(changed) === 'ok') accepted.push(at);
    }
    assert.deepEqual(accepted, []);
  });

  test('a responder whose own certificate has expired does not count', () => {
    const { notAfter } = certificate('responder');
    assert.notEqual(check(GOOD, { time: notAfter }), 'ok');
  });

  for (const [response, lists, ours] of [
    ['by-checked-responder', ['nobody'], 'ok'],
    ['by-checked-responder', ['responders'], 'OCSP_VERIFY_FAILED'],
    ['by-checked-responder', ['other'], 'OCSP_VERIFY_FAILED'],
    // Its certificate has id-pkix-ocsp-nocheck.
    ['good', ['responders'], 'ok'],
    ['good-by-ca', ['responders'], 'ok'],
  ] as const) {
    test(`a response ${response} beside the list ${lists.join()}: ${ours}`, () => {
      assert.equal(check(ocspResponse(response), { lists }), ours);
    });
  }

  for (const [responder, ours] of [
    ['bound-responder', 'ok'],
    ['stray-responder', 'OCSP_VERIFY_FAILED'],
  ] as const) {
    const response = ocspResponse(`by-${responder}`);
    const path = [certificate('bound-leaf'), certificate('bound-ca'), ca];

    test(`name constraints of the issuer apply to a responder: ${responder}, ${ours}`, () => {
      assert.equal(check(response, { path }), ours);
    });

    test(`name constraints apply to a responder: OpenSSL agrees on ${responder}`, {
      skip: NO_OPENSSL,
    }, () => {
      assert.equal(opensslAccepts(response, [], 'bound-leaf', 'bound-ca'), ours === 'ok');
    });
  }

  test('a response about another certificate, and junk, are distinguished at once', () => {
    assert.ok(isResponseFor(GOOD, leaf, nodeProvider));
    assert.ok(isResponseFor(ocspResponse('good-sha256'), leaf, nodeProvider));
    for (const other of [ocspResponse('about-another'), new Uint8Array(10), tlv(0x30, tlv(0x0a, [3]))])
      assert.equal(isResponseFor(other, leaf, nodeProvider), false);
  });

  test('of a hundred certificates in a response at most four are examined', () => {
    const calls = { verify: 0 };
    const provider = {
      ...nodeProvider,
      verify: (...args: Parameters<typeof nodeProvider.verify>) => {
        calls.verify++;
        return nodeProvider.verify(...args);
      },
    };
    const wrong = readCertificates(statusPem('no-ocsp-responder'), 'pem')[0] ?? assert.fail();
    const right = readCertificates(statusPem('responder'), 'pem')[0] ?? assert.fail();
    const crowd = Array.from({ length: 100 }, () => wrong);
    const answers = [withCertificates([right]), withCertificates([...crowd, right])].map((response) =>
      check(response, {}, provider),
    );
    assert.deepEqual(answers, ['ok', 'OCSP_VERIFY_FAILED']);
    assert.equal(calls.verify, 2);
  });
});

/** The good response with other certificates beside it; its signature does not cover them. */
function withCertificates(list: readonly Uint8Array[]): Uint8Array {
  const basic = parseOcspResponse(ocspResponse('no-certificates')) ?? assert.fail();
  const signed = tlv(
    0x30,
    basic.tbs,
    basic.signatureAlgorithm.der,
    tlv(0x03, [0], basic.signature),
    tlv(0xa0, tlv(0x30, ...list)),
  );
  const type = tlv(0x06, [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01]);
  return tlv(0x30, tlv(0x0a, [0]), tlv(0xa0, tlv(0x30, type, tlv(0x04, signed))));
}
