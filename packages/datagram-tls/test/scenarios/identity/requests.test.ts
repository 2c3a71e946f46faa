// Siege cases B8 and B9.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import { type Asked, chooseIdentity } from '#lib/handshake/negotiate.js';
import { readAuthorities } from '#lib/handshake/v13/certificates.js';
import { ExtensionType, HandshakeType, Scheme, type Version } from '#lib/wire/codes.js';
import { ClientCertificateType } from '#lib/wire/messages/certificate-request12.js';
import type { HandshakeFragment } from '#lib/wire/messages/handshake-header.js';
import { readCertificates } from '#lib/x509/pem.js';
import { CLIENTS, SERVERS, UNTRUSTED } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';
import { plainFragments, rewrite } from '../../support/records.js';
import { security, VERSIONS } from '../../support/settings.js';
import { parsed } from '../../x509/pki.js';

const SCHEMES = Object.values(Scheme);
const { rsa_sign, ecdsa_sign } = ClientCertificateType;
const { rsa } = SERVERS;
const { p256, ed25519 } = CLIENTS;

function several(...identities: readonly { cert: string; key: string }[]): SecurityOptions {
  return { cert: identities.map(({ cert }) => cert), key: identities.map(({ key }) => key) };
}

/** The type of the key that is chosen, and which of the identities that is. */
function chosen(options: SecurityOptions, asked: Partial<Asked>, version: Version = 'DTLSv1.2') {
  const ours = security('client', version, options);
  const any = { types: ['X509'], schemes: SCHEMES, authorities: [], certificateTypes: undefined } as const;
  const all: Asked = { ...any, ...asked };
  const identity = chooseIdentity(ours, all, version)?.identity;
  return identity === undefined ? 'none' : identity.key.type;
}

function issuerOf({ cert }: { cert: string }): Uint8Array {
  return parsed(readCertificates(cert, 'cert')[0] ?? assert.fail()).issuer.der;
}

suite('certificate_types of a DTLS 1.2 server', () => {
  test('client with only an RSA key shows nothing to a server that accepts only ECDSA', () => {
    assert.equal(chosen(several(rsa), { certificateTypes: Uint8Array.of(ecdsa_sign) }), 'none');
  });

  test('client with both keys shows what the server accepts, whatever comes first', () => {
    const both = several(rsa, p256);
    assert.equal(chosen(both, { certificateTypes: Uint8Array.of(ecdsa_sign) }), 'p256');
    assert.equal(chosen(both, { certificateTypes: Uint8Array.of(rsa_sign) }), 'rsa');
    assert.equal(chosen(both, { certificateTypes: Uint8Array.of(ecdsa_sign, rsa_sign) }), 'rsa');
  });

  test('ecdsa_sign includes Ed25519', () => {
    assert.equal(chosen(several(ed25519), { certificateTypes: Uint8Array.of(ecdsa_sign) }), 'ed25519');
    assert.equal(chosen(several(ed25519), { certificateTypes: Uint8Array.of(rsa_sign) }), 'none');
  });

  test('unknown certificate types match none of ours', () => {
    assert.equal(chosen(several(rsa, p256), { certificateTypes: Uint8Array.of(2, 3, 66) }), 'none');
  });
});

for (const version of VERSIONS) {
  suite(`certificate authorities that the peer names, ${version}`, () => {
    const both = several(p256, UNTRUSTED);

    test('the identity that a named authority issued goes before the others', () => {
      const first = security('client', version, both);
      const asked = (authority: Uint8Array): Asked => ({
        types: ['X509'],
        schemes: SCHEMES,
        authorities: [Uint8Array.of(0x30, 0), authority],
        certificateTypes: undefined,
      });
      const leafFor = (authority: Uint8Array) =>
        chooseIdentity(first, asked(authority), version)?.identity.leaf?.issuer.der;
      assert.deepEqual(leafFor(issuerOf(UNTRUSTED)), issuerOf(UNTRUSTED));
      assert.deepEqual(leafFor(issuerOf(p256)), issuerOf(p256));
    });

    test('where no named authority issued an identity, the first that can sign is shown', () => {
      assert.equal(chosen(both, { authorities: [Uint8Array.of(0x30, 0)] }, version), 'p256');
    });
  });
}

suite('certificate_authorities in DTLS 1.3', () => {
  const read = (body: readonly number[]) =>
    readAuthorities(new Map([[ExtensionType.certificate_authorities, Uint8Array.from(body)]]));

  test('certificate_authorities that are empty, have an empty name, a long name or extra bytes get decode_error', () => {
    for (const body of [
      [],
      [0, 0],
      [0, 2, 0, 0],
      [0, 4, 0, 3, 0x30, 0],
      [0, 4, 0, 2, 0x30, 0, 0],
      [0, 9, 0, 2, 0x30, 0],
    ])
      assert.throws(() => read(body), { alert: 'decode_error' });
  });

  test('certificate_authorities are read into their own memory', () => {
    assert.deepEqual(read([0, 4, 0, 2, 0x30, 0]), [Uint8Array.of(0x30, 0)]);
    assert.deepEqual(readAuthorities(new Map()), []);
  });
});

suite('a DTLS 1.2 server that accepts no key of the client', () => {
  test('a server that accepts no key of the client gets an empty Certificate', () => {
    const pair = new Pair({
      version: 'DTLSv1.2',
      client: p256,
      server: { requestCert: true, rejectUnauthorized: false },
      clientBehaviour: { mtu: 8000 },
      serverBehaviour: { mtu: 8000 },
    });
    const sent: number[] = [];
    pair.intercept = (data, from) => {
      if (from === 'client') {
        const messages = plainFragments(data).filter(({ type }) => type === HandshakeType.certificate);
        sent.push(...messages.map(({ length }) => length));
        return [data];
      }
      const takesRsaOnly = (message: HandshakeFragment) => {
        const body = Uint8Array.from(message.fragment);
        body.fill(rsa_sign, 1, 1 + (body[0] ?? 0));
        return { type: message.type, messageSeq: message.messageSeq, fragment: body };
      };
      return [rewrite(data, HandshakeType.certificate_request, takesRsaOnly)];
    };
    pair.connect();
    pair.runFor(500);
    assert.deepEqual(new Set(sent), new Set([3]));
  });
});
