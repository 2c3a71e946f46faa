// Siege case B9: the CAs that a peer names choose among our certificates, and a list without any is malformed.

import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { encodeCertificateAuthorities } from '#lib/extensions/certificate-authorities.js';
import { Context } from '#lib/handshake/context.js';
import { ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import {
  decodeCertificateRequest12,
  encodeCertificateRequest12,
} from '#lib/wire/messages/certificate-request12.js';
import {
  decodeCertificateRequest13,
  encodeCertificateRequest13,
} from '#lib/wire/messages/certificate-request13.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import { readCertificates } from '#lib/x509/pem.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, OTHER_CA, SERVERS, UNTRUSTED } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import type { TestedVersion } from '../../support/settings.js';
import type { Side } from '../../support/side.js';
import { parsed } from '../../x509/pki.js';

function subjectOf(pem: string): Uint8Array {
  return parsed(readCertificates(pem, 'ca')[0] ?? assert.fail()).subject.der;
}

const NAMES = { ca: subjectOf(CA), other: subjectOf(OTHER_CA), unknown: Uint8Array.of(0x30, 0) } as const;

/** `change` rewrites each message of `type` before it is sent and enters the transcript. */
function sendInstead(t: TestContext, type: number, change: (body: Uint8Array) => Uint8Array): void {
  const send = Object.getOwnPropertyDescriptor(Context.prototype, 'send')?.value as Context['send'];
  t.mock.method(
    Context.prototype,
    'send',
    function changed(this: Context, ...args: Parameters<Context['send']>) {
      const [sent, body, epoch] = args;
      send.call(this, sent, sent === type ? change(body) : body, epoch);
    },
  );
}

/** `authorities`, the list with its length, is in the message by which `sender` names its CAs. */
function nameAuthorities(
  t: TestContext,
  version: TestedVersion,
  sender: Role,
  authorities: Uint8Array,
): void {
  if (sender === 'client') {
    sendInstead(t, HandshakeType.client_hello, (body) => {
      const hello = decodeClientHello(body) ?? assert.fail();
      const extensions = new Map([[ExtensionType.certificate_authorities, authorities], ...hello.extensions]);
      return encodeClientHello({ ...hello, extensions });
    });
    return;
  }
  sendInstead(t, HandshakeType.certificate_request, (body) => {
    if (version === 'DTLSv1.2') return encodeRequest12(body, authorities);
    const request = decodeCertificateRequest13(body) ?? assert.fail();
    const extensions = new Map([...request.extensions, [ExtensionType.certificate_authorities, authorities]]);
    return encodeCertificateRequest13({ ...request, extensions });
  });
}

/** The list, with its length, is the end of the message. */
function encodeRequest12(body: Uint8Array, authorities: Uint8Array): Uint8Array {
  const request = decodeCertificateRequest12(body) ?? assert.fail();
  const bare = encodeCertificateRequest12({ ...request, certificateAuthorities: [] });
  return Uint8Array.from([...bare.subarray(0, -2), ...authorities]);
}

/** The issuer of the certificate that a side was shown. */
function issuerShownTo(side: Side): Uint8Array | undefined {
  return side.sessions[0]?.peer.chain[0]?.issuer.der;
}

const TRUSTING: SecurityOptions = { rejectUnauthorized: false };

function several(...identities: readonly { cert: string; key: string }[]): SecurityOptions {
  return { cert: identities.map(({ cert }) => cert), key: identities.map(({ key }) => key) };
}

/** A pair; the peer of `sender` has a certificate of each CA. */
function pairWithTwo(version: TestedVersion, sender: Role): Pair {
  const options: PairOptions =
    sender === 'server'
      ? { client: several(CLIENTS.p256, UNTRUSTED), server: { requestCert: true, ...TRUSTING } }
      : { client: TRUSTING, server: several(SERVERS.p256, UNTRUSTED) };
  return new Pair({ version, ...options });
}

/** CAs are named by servers in their CertificateRequest, and by clients of DTLS 1.3 in their ClientHello. */
const SENDERS = [
  ['DTLSv1.2', 'server'],
  ['DTLSv1.3', 'server'],
  ['DTLSv1.3', 'client'],
] as const;

for (const [version, sender] of SENDERS) {
  const chooser = sender === 'server' ? 'client' : 'server';

  suite(`CAs that a ${sender} names, ${version}`, () => {
    for (const [what, names, issuer] of [
      ['the CA of its second certificate', [NAMES.other], NAMES.other],
      ['the CA of its first certificate', [NAMES.ca], NAMES.ca],
      ['an unknown CA and that of its second', [NAMES.unknown, NAMES.other], NAMES.other],
      ['an unknown CA alone, which forbids nothing', [NAMES.unknown], NAMES.ca],
    ] as const) {
      test(`${chooser} with two certificates shows the right one to a peer that names ${what}`, (t) => {
        nameAuthorities(t, version, sender, encodeCertificateAuthorities(names));
        const pair = pairWithTwo(version, sender).handshake();
        assert.deepEqual(issuerShownTo(pair[sender]), issuer);
        assertAlive(pair);
      });
    }

    test(`${chooser} with two certificates shows the first to a peer that names none`, () => {
      assert.deepEqual(issuerShownTo(pairWithTwo(version, sender).handshake()[sender]), NAMES.ca);
    });

    for (const [what, body] of [
      ['an empty name', [0, 2, 0, 0]],
      ['a name that is cut off', [0, 4, 0, 9, 0x30, 0]],
      ['bytes after the list', [0, 4, 0, 2, 0x30, 0, 0]],
      // RFC 5246 §7.4.4 allows an empty list, RFC 8446 §4.2.4 does not.
      ...(version === 'DTLSv1.3'
        ? [['an empty list', [0, 0]] as const, ['nothing at all', []] as const]
        : []),
    ] as const) {
      test(`${chooser} answers ${what} with a fatal decode_error`, (t) => {
        nameAuthorities(t, version, sender, Uint8Array.from(body));
        const pair = pairWithTwo(version, sender).connect();
        const over = (): boolean => pair[sender].isClosed && pair[chooser].phase !== 'handshaking';
        pair.explain(() => assert.ok(pair.runUntil(over, 10_000)));
        // An unprotected alert is sent again when the ClientHello is, and counts then.
        assert.deepEqual(new Set(pair[sender].alerts('received')), new Set(['fatal decode_error']));
        assert.deepEqual(
          [pair[sender].error?.code, pair[sender].error?.alert],
          ['ERR_DTLS_PEER_ALERT', 'decode_error'],
        );
      });
    }
  });
}

suite('CAs that a server names, DTLSv1.2', () => {
  test('an empty list means any', (t) => {
    nameAuthorities(t, 'DTLSv1.2', 'server', Uint8Array.of(0, 0));
    const pair = pairWithTwo('DTLSv1.2', 'server').handshake();
    assert.deepEqual(issuerShownTo(pair.server), NAMES.ca);
  });
});
