// Siege case B3: a CA constrained to example.com vouched for `localhost`, by a common name.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { verifyName } from '#lib/x509/names.js';
import { verifyPath } from '#lib/x509/path.js';
import type { Purpose } from '#lib/x509/path-checks.js';
import { TrustStore } from '#lib/x509/trust-store.js';
import { commonName, encodeCertificate, extension, type Shape, text, tlv } from './encode.js';
import { parsed } from './pki.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));

function issue(shape: Omit<Shape, 'spki' | 'serial'>) {
  return parsed(encodeCertificate({ spki, serial: 1, ...shape }, (tbs) => sign('sha256', tbs, privateKey)));
}

const trust = new TrustStore([issue({ subject: 'Root', issuer: 'Root', ca: true })]);

/** The verdict on a leaf of the CA that may vouch for example.com only. */
function judge(leaf: Partial<Shape> & { subject: string }, purpose: Purpose = 'serverAuth'): string {
  const chain = [
    issue({ issuer: 'CA', ...leaf }),
    issue({ subject: 'CA', issuer: 'Root', ca: true, permitted: ['example.com'] }),
  ];
  const result = verifyPath({ chain, trust, time: Date.UTC(2030, 0), purpose, provider: nodeProvider });
  return result.ok ? 'ok' : result.code;
}

suite('common names of servers', () => {
  for (const name of ['localhost', 'LOCALHOST', 'a_b', 'www.example.org', '*.example.org', 'xn--bcher-kva']) {
    test(`${name} is constrained, because it may be compared with a host name`, () => {
      assert.equal(judge({ subject: name }), 'PERMITTED_VIOLATION');
    });
  }

  for (const name of ['www.example.com', 'WWW.EXAMPLE.COM', '*.example.com', 'example.com']) {
    test(`${name} is permitted`, () => assert.equal(judge({ subject: name }), 'ok'));
  }

  for (const name of ['A phrase', 'a..b', '-', 'localhost.', '*', '*.com', 'bücher']) {
    test(`'${name}' matches no host, so it is not constrained`, () => {
      assert.equal(judge({ subject: name }), 'ok');
      const leaf = issue({ subject: name, issuer: 'CA' });
      for (const host of ['localhost', 'a.b', 'host', 'com', 'a.com', 'xn--bcher-kva'])
        assert.equal(verifyName(leaf, host), 'HOSTNAME_MISMATCH', host);
    });
  }

  test('a common name longer than any host name costs no time and matches nothing', () => {
    const subject = `a${'-'.repeat(50_000)}`;
    assert.equal(judge({ subject }), 'ok');
    assert.equal(verifyName(issue({ subject, issuer: 'CA' }), 'a'), 'HOSTNAME_MISMATCH');
  });

  const SAN: readonly (readonly [what: string, entries: readonly Uint8Array[]])[] = [
    ['a DNS name', [text(0x82, 'other.example.com')]],
    ['an address', [tlv(0x87, [192, 0, 2, 1])]],
    ['a mailbox', [text(0x81, 'me@example.com')]],
    ['a URI', [text(0x86, 'coap://host.example.com')]],
    ['a directory name', [tlv(0xa4, commonName('host.example.com'))]],
    ['nothing', []],
  ];
  for (const [what, entries] of SAN) {
    test(`common names do not count beside a subjectAltName with ${what}`, () => {
      const extensions = [extension(0x11, tlv(0x30, ...entries))];
      const leaf = issue({ subject: 'host.example.com', issuer: 'CA', extensions });
      assert.equal(verifyName(leaf, 'host.example.com'), 'HOSTNAME_MISMATCH');
      assert.equal(judge({ subject: 'localhost', extensions }), 'ok');
    });
  }

  test('common names count where there is no subjectAltName', () => {
    const leaf = issue({ subject: 'host.example.com', issuer: 'CA' });
    assert.equal(verifyName(leaf, 'host.example.com'), undefined);
  });
});

suite('common names of clients', () => {
  test('common names of clients without a dot are not constrained', () => {
    assert.equal(judge({ subject: 'alice' }, 'clientAuth'), 'ok');
  });

  test('common names of clients with a dot are constrained', () => {
    assert.equal(judge({ subject: 'device.example.org' }, 'clientAuth'), 'PERMITTED_VIOLATION');
    assert.equal(judge({ subject: 'device.example.com' }, 'clientAuth'), 'ok');
  });
});
