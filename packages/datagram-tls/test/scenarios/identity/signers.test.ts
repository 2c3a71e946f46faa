import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ExternalKey } from '#lib/config/options.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { Deferred } from '#lib/driver/deferred.js';
import { createSecureContext, type SchemeName } from '#lib/index.js';
import { client, echoServer, roundTrip } from '../../driver/echo.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, SERVERS, type TestIdentity } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';
import { refused } from '../../support/refused.js';
import { VERSIONS } from '../../support/settings.js';

/** An external key that records the requested signature schemes. */
class Module implements ExternalKey {
  readonly asked: SchemeName[] = [];
  readonly #key;

  constructor({ key }: TestIdentity) {
    this.#key = nodeProvider.importPrivateKey(key);
  }

  sign = (scheme: SchemeName, data: Uint8Array): Uint8Array => {
    this.asked.push(scheme);
    return nodeProvider.sign(scheme, this.#key, data);
  };
}

for (const version of VERSIONS) {
  suite(`external signers, ${version}`, () => {
    for (const [name, identity] of Object.entries(SERVERS)) {
      test(`a server of type ${name} signs with an external signer`, () => {
        const key = new Module(identity);
        const groups = 'x25519:P-256';
        const pair = new Pair({ version, client: { groups }, server: { cert: identity.cert, key, groups } });
        pair.explain(() => pair.handshake());
        assert.deepEqual(key.asked, [pair.client.sessions[0]?.signatureScheme]);
        assertAlive(pair);
      });
    }

    test('a client signs with an external signer', () => {
      const key = new Module(CLIENTS.ed25519);
      const pair = new Pair({
        version,
        client: { cert: CLIENTS.ed25519.cert, key },
        server: { requestCert: true },
      }).handshake();
      assert.deepEqual(key.asked, ['ed25519']);
      assert.ok(pair.server.sessions[0]?.peer.authorized);
    });

    const faulty: readonly [string, ExternalKey['sign'], string][] = [
      ['a wrong signature', () => new Uint8Array(64), 'ERR_DTLS_SIGNER'],
      ['no bytes', () => 'signature' as never, 'ERR_DTLS_SIGNER'],
      [
        'a signature of other data',
        (scheme) => new Module(SERVERS.ed25519).sign(scheme, new Uint8Array(3)),
        'ERR_DTLS_SIGNER',
      ],
    ];
    for (const [what, sign, code] of faulty) {
      test(`a signer that returns ${what} ends the handshake with internal_error before anything of it is sent`, () => {
        const pair = refused({ version, server: { cert: SERVERS.ed25519.cert, key: { sign } } });
        assert.equal(pair.server.alerts('sent')[0], 'fatal internal_error');
        assert.equal((pair.server.error?.cause as { code?: string } | undefined)?.code, code);
      });
    }

    test('a signer that throws ends the handshake with internal_error', () => {
      const error = new Error('the module is locked');
      const sign = (): never => {
        throw error;
      };
      const pair = refused({ version, server: { cert: SERVERS.ed25519.cert, key: { sign } } });
      assert.equal(pair.server.alerts('sent')[0], 'fatal internal_error');
      assert.deepEqual([pair.server.error?.code, pair.server.error?.cause], ['ERR_DTLS_CALLBACK', error]);
    });
  });

  suite(`asynchronous signers over UDP, ${version}`, () => {
    const versions = { minVersion: version, maxVersion: version };

    test('both sides wait for asynchronous signers', async () => {
      const wait = (module: Module): ExternalKey => ({
        sign: async (scheme, data) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return module.sign(scheme, data);
        },
      });
      const [ours, theirs] = [new Module(CLIENTS.p256), new Module(SERVERS.p256)];
      const server = echoServer({ ...versions, key: wait(theirs), requestCert: true, ca: CA });
      const session = client(server.port, { ...versions, cert: CLIENTS.p256.cert, key: wait(ours) });
      await session.opened;
      assert.equal(await roundTrip(session, 'signed elsewhere'), 'signed elsewhere');
      assert.deepEqual([ours.asked.length, theirs.asked.length], [1, 1]);
      assert.ok(server.sessions[0]?.authorized);
      await session.close();
      await server.endpoint.close();
    });

    test("a rejection of a signer is its own session's error, and internal_error for the peer", async () => {
      const error = new Error('the key service is away');
      const server = echoServer({ ...versions, key: { sign: () => Promise.reject(error) } });
      const session = client(server.port, versions);
      await assert.rejects(session.opened, { code: 'ERR_DTLS_PEER_ALERT', alert: 'internal_error' });
      await assert.rejects(server.sessions[0]?.opened ?? assert.fail(), error);
      await server.endpoint.close();
    });

    test('an answer of a signer after the end of the session changes nothing', async () => {
      const asked = new Deferred<(signature: Uint8Array) => void>();
      const sign = (): Promise<Uint8Array> => new Promise((done) => asked.resolve(done));
      const server = echoServer({ ...versions, key: { sign } });
      const session = client(server.port, versions);
      const answer = await asked.promise;
      session.destroy();
      server.endpoint.destroy();
      answer(new Uint8Array(64));
      await new Promise((resolve) => setImmediate(resolve));
      await assert.rejects(server.sessions[0]?.opened ?? assert.fail(), { code: 'ERR_INVALID_STATE' });
    });
  });
}

suite('external signers', () => {
  test('a key without a sign function is refused', () => {
    const key = { sign: 'no' as never };
    assert.throws(() => createSecureContext({ cert: SERVERS.p256.cert, key }), {
      code: 'ERR_INVALID_ARG_TYPE',
      message: /options\.key\.sign/,
    });
  });

  test('a signer needs a certificate, which has its public key', () => {
    assert.throws(() => createSecureContext({ key: new Module(SERVERS.p256) }), { code: 'ERR_MISSING_ARGS' });
  });
});
