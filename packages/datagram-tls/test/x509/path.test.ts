import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sameBytes } from '#lib/base/bytes.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { type Certificate, parseCertificate } from '#lib/x509/certificate.js';
import { verifyName } from '#lib/x509/names.js';
import { type PathResult, verifyPath } from '#lib/x509/path.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { type Case, cases } from './cases.js';
import { isThere, opensslVerify } from './openssl.js';
import { certificate, day, der, names, parsed, pem, store } from './pki.js';

const needsOpenssl = { skip: !isThere && 'no OpenSSL 3 on this machine' };

for (const [group, members] of cases) {
  suite(`certificate paths: ${group}`, () => {
    for (const member of members) {
      test(`${member.what}: ${member.ours}`, () => assert.equal(judge(member), member.ours));
    }

    test('openssl verify agrees, except where the table says otherwise', needsOpenssl, () => {
      const answers = members.map((member) => [member.what, askOpenssl(member)]);
      assert.deepEqual(
        answers,
        members.map(({ what, ours, openssl = ours }) => [what, openssl]),
      );
    });

    test('openssl verify accepts every path that was accepted, given that path alone', needsOpenssl, () => {
      for (const member of members.filter(({ ours }) => ours === 'ok')) {
        const path = acceptedPath(member);
        const alone = {
          ...member,
          chain: path.slice(0, -1).join(' ') || path.join(),
          trust: path.slice(-1).join(),
        };
        assert.equal(askOpenssl({ ...alone, host: undefined }), 'ok', member.what);
      }
    });
  });
}

suite('certificate paths: forgeries', () => {
  const chain = ['leaf-int', 'int'].map(certificate);

  test('a path names its certificates from the leaf to the anchor', () => {
    assert.deepEqual(acceptedPath({ what: '', chain: 'leaf-int-2 int int-2', ours: 'ok' }), [
      'leaf-int-2',
      'int-2',
      'int',
      'root',
    ]);
  });

  test('no certificate verifies with any one byte changed', () => {
    const { der } = chain[0] as Certificate;
    for (const mask of [0x01, 0x20, 0x80, 0xff]) {
      for (let at = 0; at < der.length; at++) {
        const forged = der.slice();
        forged[at] = (forged[at] as number) ^ mask;
        assert.notEqual(codeOf(forged, chain.slice(1)), 'ok', `byte ${at} with mask ${mask}`);
      }
    }
  });

  test('a CA with a wrong signature is named as the faulty certificate', () => {
    const forged = (chain[1] as Certificate).der.slice();
    forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
    const result = verify([chain[0] as Certificate, parsed(forged)]);
    assert.deepEqual(result, { ok: false, code: 'CERT_SIGNATURE_FAILURE', depth: 1 });
  });

  test('a changed trusted certificate verifies only where openssl verify accepts it', needsOpenssl, () => {
    // The signature of a trusted certificate is not checked: this compares the two parsers.
    let accepted = 0;
    for (const [i, at] of everyNth(der('self-signed').length - 80, 7).entries()) {
      const changed = der('self-signed');
      changed[at] = (changed[at] as number) ^ (1 << (i % 8));
      const read = parseCertificate(changed);
      if (read === undefined || !verifyTrusted(read).ok) continue;
      accepted++;
      const text = toPem(changed);
      const time = day(1);
      const answer = opensslVerify({
        chain: [text],
        trust: [text],
        time,
        purpose: 'serverAuth',
        partialChain: true,
      });
      assert.equal(answer, 'ok', `byte ${at} with bit ${i % 8}`);
    }
    assert.ok(accepted > 10, `only ${accepted} were compared`);
  });

  test('an empty chain has no path', () => {
    assert.equal(verify([]).ok, false);
  });

  function everyNth(end: number, step: number): number[] {
    return Array.from({ length: Math.floor(end / step) }, (_, i) => i * step);
  }

  function toPem(bytes: Uint8Array): string {
    const lines =
      Buffer.from(bytes)
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  }

  function verifyTrusted(leaf: Certificate): PathResult {
    const trust = new TrustStore([leaf]);
    const options = { trust, time: day(1), purpose: 'serverAuth', provider: nodeProvider } as const;
    return verifyPath({ ...options, chain: [leaf], partialChain: true });
  }

  function codeOf(bytes: Uint8Array, rest: readonly Certificate[]): string {
    const leaf = parseCertificate(bytes);
    if (leaf === undefined) return 'malformed';
    const result = verify([leaf, ...rest]);
    return result.ok ? 'ok' : result.code;
  }
});

function verify(chain: readonly Certificate[], question: Partial<Case> = {}): PathResult {
  return verifyPath({
    chain,
    trust: store(...split(question.trust ?? 'root')),
    time: day(question.day ?? 1),
    purpose: question.purpose ?? 'serverAuth',
    provider: nodeProvider,
    partialChain: question.partialChain ?? false,
  });
}

/** The verdict of this library: `ok` or a code. */
function judge(question: Case): string {
  const chain = split(question.chain).map(certificate);
  const result = verify(chain, question);
  if (!result.ok) return result.code;
  if (question.host === undefined) return 'ok';
  return verifyName(chain[0] as Certificate, question.host) ?? 'ok';
}

function acceptedPath(question: Case): string[] {
  const result = verify(split(question.chain).map(certificate), question);
  assert.ok(result.ok);
  return result.path.map(({ der }) => {
    const name = names.find((candidate) => sameBytes(certificate(candidate).der, der));
    assert.ok(name);
    return name;
  });
}

function askOpenssl(question: Case): string {
  const { chain, trust = 'root', purpose = 'serverAuth', host, partialChain } = question;
  const time = day(question.day ?? 1);
  return opensslVerify({
    chain: split(chain).map(pem),
    trust: split(trust).map(pem),
    time,
    purpose,
    host,
    partialChain,
  });
}

function split(list: string): string[] {
  return list.split(' ');
}
