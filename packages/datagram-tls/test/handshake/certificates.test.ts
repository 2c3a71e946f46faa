import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import { assertAlive } from '../support/alive.js';
import { CLIENTS, OTHER_CA, SERVERS, UNTRUSTED } from '../support/identities.js';
import { Pair, type PairOptions } from '../support/pair.js';
import { VERSIONS } from '../support/settings.js';

const ASK: SecurityOptions = { requestCert: true };
const GROUPS = 'x25519:P-256';

for (const version of VERSIONS) {
  suite(`client certificates, ${version}`, () => {
    for (const [name, identity] of Object.entries(CLIENTS)) {
      test(`a valid certificate of type ${name} is authorized`, () => {
        const pair = new Pair({
          version,
          client: { ...identity, groups: GROUPS },
          server: { ...ASK, groups: GROUPS },
        });
        pair.explain(() => pair.handshake());
        const { peer } = pair.server.sessions[0] ?? assert.fail();
        assert.deepEqual([peer.authorized, peer.authorizationError], [true, undefined]);
        assert.deepEqual(
          peer.chain.map((c) => Buffer.from(c.der)),
          [new X509Certificate(identity.cert).raw],
        );
        assertAlive(pair);
      });
    }

    test('a client is not asked for a certificate by default', () => {
      const pair = new Pair({ version, client: CLIENTS.ed25519 }).handshake();
      const { peer } = pair.server.sessions[0] ?? assert.fail();
      const verdict = [peer.authorized, peer.authorizationError, peer.chain.length];
      assert.deepEqual(verdict, [false, 'UNABLE_TO_GET_ISSUER_CERT', 0]);
    });

    test('a client without a certificate is refused', () => {
      const pair = refused({ version, server: ASK });
      assert.equal(pair.server.error?.code, 'ERR_DTLS_CERTIFICATE_REQUIRED');
      const alert = version === 'DTLSv1.3' ? 'certificate_required' : 'handshake_failure';
      assert.deepEqual(pair.server.alerts('sent'), [`fatal ${alert}`]);
      assert.equal(pair.client.error?.code, 'ERR_DTLS_PEER_ALERT');
    });

    test('a client without a certificate is accepted without authorization where that is allowed', () => {
      const pair = new Pair({ version, server: { ...ASK, rejectUnauthorized: false } }).handshake();
      const { peer } = pair.server.sessions[0] ?? assert.fail();
      assert.deepEqual([peer.authorized, peer.authorizationError], [false, 'UNABLE_TO_GET_ISSUER_CERT']);
      assertAlive(pair);
    });

    const wrong: readonly [string, SecurityOptions, string, string][] = [
      ['from another CA', UNTRUSTED, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unknown_ca'],
      ['for servers', SERVERS.ed25519, 'INVALID_PURPOSE', 'unsupported_certificate'],
    ];
    for (const [what, identity, code, alert] of wrong) {
      test(`a certificate ${what} is refused with ${alert}`, () => {
        const pair = refused({ version, client: identity, server: ASK });
        assert.equal(pair.server.error?.code, 'ERR_DTLS_CERTIFICATE');
        assert.match(String(pair.server.error), new RegExp(code));
        assert.deepEqual(pair.server.alerts('sent'), [`fatal ${alert}`]);
      });

      test(`a certificate ${what} is accepted without authorization where that is allowed`, () => {
        const server = { ...ASK, rejectUnauthorized: false };
        const pair = new Pair({ version, client: identity, server }).handshake();
        const { peer } = pair.server.sessions[0] ?? assert.fail();
        assert.deepEqual([peer.authorized, peer.authorizationError], [false, code]);
        assertAlive(pair);
      });
    }

    test("a client sends the certificate whose key can sign with the server's schemes", () => {
      const both = {
        cert: [CLIENTS.ed25519.cert, CLIENTS.p256.cert],
        key: [CLIENTS.ed25519.key, CLIENTS.p256.key],
        groups: GROUPS,
      };
      const server = { ...ASK, groups: GROUPS, sigalgs: 'ecdsa_secp256r1_sha256', ...SERVERS.p256 };
      const pair = new Pair({ version, client: both, server }).handshake();
      const [leaf] = pair.server.sessions[0]?.peer.chain ?? [];
      assert.deepEqual(Buffer.from(leaf?.der ?? []), new X509Certificate(CLIENTS.p256.cert).raw);
    });

    test("a client whose keys cannot sign with the server's schemes sends an empty list", () => {
      const server = {
        ...ASK,
        rejectUnauthorized: false,
        groups: GROUPS,
        sigalgs: 'ecdsa_secp256r1_sha256',
        ...SERVERS.p256,
      };
      const pair = new Pair({ version, client: { ...CLIENTS.ed25519, groups: GROUPS }, server });
      pair.handshake();
      const sent = pair.client.flights('sent').flat();
      assert.ok(sent.includes('certificate') && !sent.includes('certificate_verify'));
      assert.deepEqual(pair.server.sessions[0]?.peer.chain, []);
    });
  });

  suite(`the server's certificate, ${version}`, () => {
    test('a server certificate from another CA is refused with unknown_ca', () => {
      const pair = refused({ version, client: { ca: OTHER_CA } });
      assert.equal(pair.client.error?.code, 'ERR_DTLS_CERTIFICATE');
      assert.deepEqual(pair.client.alerts('sent'), ['fatal unknown_ca']);
      assert.equal(pair.server.error?.code, 'ERR_DTLS_PEER_ALERT');
      assert.equal(pair.server.error.alert, 'unknown_ca');
    });

    test('a server certificate from another CA is accepted without authorization where that is allowed', () => {
      const pair = new Pair({ version, client: { ca: OTHER_CA, rejectUnauthorized: false } }).handshake();
      const { peer } = pair.client.sessions[0] ?? assert.fail();
      assert.deepEqual(
        [peer.authorized, peer.authorizationError],
        [false, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
      );
    });

    for (const [name, code] of [
      ['example.com', 'HOSTNAME_MISMATCH'],
      ['192.0.2.2', 'IP_ADDRESS_MISMATCH'],
    ] as const) {
      test(`a server certificate for another name than ${name} is refused with bad_certificate`, () => {
        const pair = refused({ version, destination: { serverName: undefined, verifyName: name } });
        assert.match(String(pair.client.error), new RegExp(code));
        assert.deepEqual(pair.client.alerts('sent'), ['fatal bad_certificate']);
      });
    }

    test('a server certificate for the requested address is accepted', () => {
      const destination = { serverName: undefined, verifyName: '127.0.0.1' };
      const pair = new Pair({ version, destination }).handshake();
      assert.equal(pair.server.sessions[0]?.serverName, undefined);
    });

    test('a server certificate for clients is refused', () => {
      const pair = refused({ version, server: CLIENTS.ed25519 });
      assert.match(String(pair.client.error), /INVALID_PURPOSE/);
    });

    const { raw, publicKey } = new X509Certificate(SERVERS.ed25519.cert);
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    const certificatePin = `sha256:${digest(raw)}`;
    const keyPin = `spki-sha256:${digest(publicKey.export({ type: 'spki', format: 'der' }))}`;

    for (const pin of [certificatePin, keyPin]) {
      test(`a server certificate that matches the pin ${pin.slice(0, 16)}… needs no CA`, () => {
        const pair = new Pair({ version, client: { ca: OTHER_CA, pins: [pin] } }).handshake();
        assert.ok(pair.client.sessions[0]?.peer.authorized);
      });
    }

    test('a server certificate that matches no pin is refused even if its CA is trusted', () => {
      const pair = refused({ version, client: { pins: [`sha256:${'00'.repeat(32)}`] } });
      assert.match(String(pair.client.error), /PIN_MISMATCH/);
    });
  });
}

/** A handshake that fails, run until both sides have ended. */
function refused(options: PairOptions): Pair {
  const pair = new Pair(options).connect();
  pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 10_000);
  pair.explain(() => {
    assert.ok(pair.client.isClosed && pair.server.isClosed);
    assert.equal(pair.server.sessions.length, 0);
    // In DTLS 1.3 a client is done before the server has judged it.
    const early = options.version === 'DTLSv1.3' && options.server?.requestCert === true ? 1 : 0;
    assert.equal(pair.client.sessions.length, early);
  });
  return pair;
}
