import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { parseCertificate } from '#lib/x509/certificate.js';
import { readCertificates } from '#lib/x509/pem.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, OTHER_CA, SERVERS, UNTRUSTED } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const { p256, rsa } = SERVERS;
const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
/** In DTLS 1.2 a client that lists no curve of a certificate's key refuses it. */
const GROUPS = { groups: 'x25519:secp256r1' };
const NO_CERTIFICATE = { cert: undefined, key: undefined };

type Sni = SecurityOptions['sni'];

/** A client that sends `serverName`, and a server with `sni` and the options of `more`. */
function asking(
  version: TestedVersion,
  serverName: string | undefined,
  sni: Sni,
  { client = {}, server = {}, ...rest }: Partial<PairOptions> = {},
): PairOptions {
  const destination = { serverName, verifyName: 'localhost' };
  return {
    ...{ version, destination, ...rest },
    client: { ...GROUPS, ...client },
    server: { ...GROUPS, ...server, sni },
  };
}

/** The name whose certificate the server showed to the client of `pair`. */
function shown(pair: Pair): string | undefined {
  const leaf = pair.client.sessions[0]?.peer.chain[0]?.der;
  const found = Object.entries(SERVERS).find(
    ([, { cert }]) => leaf !== undefined && Buffer.compare(leaf, readCertificates(cert, '')[0] ?? leaf) === 0,
  );
  return found?.[0];
}

for (const version of VERSIONS) {
  suite(`names of a server, ${version}`, () => {
    const sni = { 'a.example': p256, 'B.Example': rsa };

    const served: readonly [string, string | undefined, Sni, string][] = [
      ['the first name', 'a.example', sni, 'p256'],
      ['another name, whatever its case in the options', 'b.example', sni, 'rsa'],
      ['a name in capital letters', 'A.EXAMPLE', sni, 'p256'],
      ['a name with a final dot', 'a.example.', sni, 'p256'],
      ['a name in the map, beside a fallback', 'a.example', { ...sni, '*': {} }, 'p256'],
      ['a name that only the fallback serves', 'c.example', { ...sni, '*': {} }, 'ed25519'],
      ['the fallback for a client without a name', undefined, { ...sni, '*': rsa }, 'rsa'],
      ['a name from a map that is a Map', 'a.example', new Map([['a.example', rsa]]), 'rsa'],
      ['a name that a function knows', 'x.example', (name) => (name === 'x.example' ? p256 : rsa), 'p256'],
      [
        'the answer of a function to undefined, for a client without a name',
        undefined,
        (name) => (name === undefined ? p256 : rsa),
        'p256',
      ],
      [
        'a name that a function gets in lower case',
        'X.Example',
        (n) => (n === 'x.example' ? p256 : rsa),
        'p256',
      ],
      [
        'an identity without a certificate, which is that of the endpoint',
        'a',
        { a: { alpn: ['x'] } },
        'ed25519',
      ],
    ];
    for (const [what, name, names, expected] of served) {
      test(`the certificate follows ${what}`, () => {
        const pair = new Pair(asking(version, name, names));
        pair.explain(() => pair.handshake());
        assert.equal(shown(pair), expected);
        assert.equal(pair.client.sessions[0]?.serverName, name);
        assert.equal(pair.server.sessions[0]?.serverName, name?.toLowerCase().replace(/\.$/, ''));
        assertAlive(pair);
      });
    }

    const unserved: readonly [string, string | undefined, Sni][] = [
      ['a name that is not in the map, and not the certificate beside it', 'c.example', sni],
      ['a part of a name', 'example', sni],
      ['a subdomain of a name in the map', 'x.a.example', sni],
      ['a property name of every object', 'constructor', sni],
      ['another property name of every object', '__proto__', sni],
      ['the key of the fallback, without a fallback', '*', sni],
      ['no name, without a fallback', undefined, sni],
      ['a name that a function does not know', 'a.example', () => undefined],
      ['a name for which a function answers null', 'a.example', () => null],
      ['a name longer than DNS allows', 'a'.repeat(300), () => p256],
    ];
    for (const [what, name, names] of unserved) {
      test(`a client that asks for ${what} is refused with unrecognized_name`, () => {
        const pair = refused(asking(version, name, names));
        assert.equal(pair.server.alerts('sent')[0], 'fatal unrecognized_name');
        assert.equal(pair.server.error?.code, 'ERR_DTLS_UNRECOGNIZED_NAME');
        assert.equal(pair.client.error?.alert, 'unrecognized_name');
      });
    }

    test('an error of an sni function ends the handshake with internal_error, and is its cause', () => {
      const reason = new Error('the database is away');
      const sniThatThrows = (): never => {
        throw reason;
      };
      const pair = refused(asking(version, 'a.example', sniThatThrows));
      assert.equal(pair.server.alerts('sent')[0], 'fatal internal_error');
      assert.equal(pair.server.error?.cause, reason);
    });

    test('a fault in the answer of an sni function is reported under the name of the option', () => {
      const pair = refused(asking(version, 'a.example', () => ({ cert: p256.cert, key: rsa.key })));
      const cause = pair.server.error?.cause as { code?: string; message?: string };
      assert.equal(cause.code, 'ERR_OSSL_X509_KEY_VALUES_MISMATCH');
      assert.match(cause.message ?? '', /^options\.sni\(\): options\.key/);
    });

    test('a slow sni answer is requested once, however often the client repeats itself', () => {
      const asked: (string | undefined)[] = [];
      const slow = (name: string | undefined) => {
        asked.push(name);
        return p256;
      };
      const pair = new Pair(asking(version, 'a.example', slow, { jobs: 2500 }));
      pair.explain(() => pair.handshake());
      assert.equal(shown(pair), 'p256');
      assert.deepEqual(asked, ['a.example']);
    });

    test('a client is trusted under the name whose CA it has, and under no other', () => {
      const names = {
        ours: { ...p256, ca: CA, requestCert: true },
        theirs: { ...p256, ca: OTHER_CA, requestCert: true },
        open: p256,
      };
      const outcome = (name: string, client: SecurityOptions) => {
        const pair = new Pair(asking(version, name, names, { client })).connect();
        pair.runUntil(() => pair.server.isConnected || pair.server.isClosed, 3000);
        return pair.server.sessions[0]?.peer.authorized ?? pair.server.error?.code;
      };
      assert.equal(outcome('ours', CLIENTS.p256), true);
      assert.equal(outcome('theirs', UNTRUSTED), true);
      assert.equal(outcome('ours', UNTRUSTED), 'ERR_DTLS_CERTIFICATE');
      assert.equal(outcome('theirs', CLIENTS.p256), 'ERR_DTLS_CERTIFICATE');
      assert.equal(outcome('theirs', {}), 'ERR_DTLS_CERTIFICATE_REQUIRED');
      assert.equal(outcome('open', {}), false);
    });

    test('options that a name leaves out come from its endpoint', () => {
      const leaf = parseCertificate(readCertificates(CLIENTS.p256.cert, '')[0] ?? KEY) ?? assert.fail();
      const calls: string[] = [];
      const server: SecurityOptions = {
        requestCert: true,
        alpn: ['coap'],
        srtp: 'SRTP_AES128_CM_SHA1_80',
        verifyPeer: (chain) => {
          calls.push(Buffer.compare(chain[0] ?? KEY, leaf.der) === 0 ? 'the client' : 'somebody');
          return true;
        },
      };
      const client = { ...CLIENTS.p256, alpn: ['coap'], srtp: 'SRTP_AES128_CM_SHA1_80' };
      const pair = new Pair(asking(version, 'a.example', sni, { client, server }));
      pair.explain(() => pair.handshake());
      assert.deepEqual(calls, ['the client']);
      const { alpn, srtp } = pair.client.sessions[0]?.agreed ?? assert.fail();
      assert.deepEqual({ alpn, srtp }, { alpn: utf8('coap'), srtp: 'SRTP_AES128_CM_SHA1_80' });
    });

    test('application protocols may differ between names', () => {
      const names = { a: { alpn: ['a'] }, b: { alpn: ['b'] } };
      const client = { alpn: ['a', 'b'] };
      for (const name of ['a', 'b']) {
        const pair = new Pair(asking(version, name, names, { client }));
        pair.explain(() => pair.handshake());
        assert.deepEqual(pair.server.sessions[0]?.agreed.alpn, utf8(name));
      }
      const pair = refused(asking(version, 'a', names, { client: { alpn: ['b'] } }));
      assert.equal(pair.client.error?.alert, 'no_application_protocol');
    });

    test('a name may have pre-shared keys where the endpoint has neither those nor a certificate', () => {
      const names = { a: { psk: { sensor: KEY } }, b: p256 };
      const server = NO_CERTIFICATE;
      // The server prefers a suite with which, in DTLS 1.3, no external key can be used.
      const ciphers = [
        ...['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'],
        ...['ECDHE-PSK-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
      ];
      const client = { psk: { identity: 'sensor', key: KEY }, ciphers };
      const pair = new Pair(asking(version, 'a', names, { client, server: { ...server, ciphers } }));
      pair.explain(() => pair.handshake());
      assert.deepEqual(pair.server.sessions[0]?.peer.pskIdentity, utf8('sensor'));
      const other = new Pair(asking(version, 'b', names, { client, server: { ...server, ciphers } }));
      other.explain(() => other.handshake());
      assert.equal(shown(other), 'p256');
    });
  });
}
