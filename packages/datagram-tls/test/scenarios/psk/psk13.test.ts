import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { ClientPskOption, ServerPskOption } from '#lib/config/psk-options.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { savedSession } from '../../support/resumption.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const OTHER_KEY = new Uint8Array(16).fill(7);
const CLIENT = { identity: 'client', key: KEY };
const NO_CERTIFICATE = { cert: undefined, key: undefined };

interface Keys {
  readonly client?: ClientPskOption;
  readonly server?: ServerPskOption;
  readonly ciphers?: string;
}

function options({ client = CLIENT, server = { client: KEY }, ciphers }: Keys = {}): PairOptions {
  const suites = ciphers === undefined ? {} : { ciphers };
  return {
    version: 'DTLSv1.3',
    client: { psk: client, ...suites },
    server: { ...NO_CERTIFICATE, psk: server, ...suites },
  };
}

function failed(pairOptions: PairOptions): Pair {
  const pair = new Pair(pairOptions).connect();
  pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 300_000);
  assert.ok(pair.client.isClosed && pair.server.isClosed);
  return pair;
}

suite('DTLS 1.3 with a pre-shared key', () => {
  for (const ciphers of [
    'TLS_AES_128_GCM_SHA256',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_CCM_SHA256',
  ]) {
    test(`${ciphers}: no certificate is sent, and messages go both ways`, () => {
      const pair = new Pair(options({ ciphers })).handshake();
      assertAlive(pair);
      assert.ok(!pair.client.flights('received').flat().includes('certificate'));
      for (const { sessions } of [pair.client, pair.server]) {
        assert.equal(sessions[0]?.suite.name, ciphers);
        assert.equal(sessions[0].group, 'x25519');
        assert.equal(sessions[0].signatureScheme, undefined);
        assert.ok(sessions[0].peer.authorized);
        assert.deepEqual(sessions[0].peer.pskIdentity, utf8('client'));
      }
    });
  }

  test('binders cover the second ClientHello after a change of group, too', () => {
    const { client, server } = options();
    const pair = new Pair({
      version: 'DTLSv1.3',
      client: { ...client, groups: 'x25519:secp256r1', keyShares: 'x25519' },
      server: { ...server, groups: 'secp256r1' },
    }).handshake();
    assert.equal(pair.server.sessions[0]?.group, 'secp256r1');
    assertAlive(pair);
  });

  test('the server chooses the first of several identities that it knows', () => {
    const client = [{ identity: 'old', key: OTHER_KEY }, CLIENT, { identity: 'last', key: OTHER_KEY }];
    const pair = new Pair(options({ client, server: { client: KEY, last: OTHER_KEY } })).handshake();
    assert.deepEqual(pair.client.sessions[0]?.peer.pskIdentity, utf8('client'));
  });

  test('the last of sixteen identities is found, also after an unusable session', () => {
    const client = Array.from({ length: 16 }, (_, i) => ({ identity: `client ${i}`, key: KEY }));
    const server = { ...SERVERS.ed25519, psk: { 'client 15': KEY } };
    const first = new Pair({ version: 'DTLSv1.3', client: { ca: CA }, server }).handshake();
    for (const session of [undefined, savedSession(first)]) {
      const pair = new Pair({
        version: 'DTLSv1.3',
        client: { ca: CA, psk: client },
        server: { ...server, ticketKeys: new Uint8Array(80).fill(1) },
        destination: { serverName: 'localhost', verifyName: 'localhost', session },
      }).handshake();
      assert.deepEqual(pair.server.sessions[0]?.peer.pskIdentity, utf8('client 15'));
    }
  });

  test('a server that knows no identity of the client shows its certificate if it has one', () => {
    const pair = new Pair({
      version: 'DTLSv1.3',
      client: { psk: CLIENT, ca: CA },
      server: { ...SERVERS.ed25519, psk: { somebody: KEY } },
    }).handshake();
    assert.equal(pair.client.sessions[0]?.peer.pskIdentity, undefined);
    assert.equal(pair.client.sessions[0]?.peer.chain.length, 1);
    assertAlive(pair);
  });

  test('a client with a key is not asked for a certificate', () => {
    const { client, server } = options();
    const pair = new Pair({
      version: 'DTLSv1.3',
      client: { ...client, ...CLIENTS.ed25519 },
      server: { ...server, requestCert: true },
    }).handshake();
    assert.ok(pair.server.sessions[0]?.peer.authorized);
  });

  test("a suite with another hash than the key's is not chosen with it", () => {
    const ciphers = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256';
    const pair = new Pair(options({ ciphers })).handshake();
    assert.equal(pair.server.sessions[0]?.suite.name, 'TLS_AES_128_GCM_SHA256');
    const alone = failed(options({ ciphers: 'TLS_AES_256_GCM_SHA384' }));
    assert.equal(alone.server.error?.code, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
  });

  test('one client uses either version with the same key', () => {
    for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
      const { client, server } = options();
      const pair = new Pair({
        client: { ...client, minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3' },
        server: { ...server, minVersion: 'DTLSv1.2', maxVersion: version },
      }).handshake();
      assert.equal(pair.client.sessions[0]?.version, version);
      assertAlive(pair);
    }
  });

  test('DTLS 1.3 with a pre-shared key succeeds on a lossy path', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const weather = { loss: 0.2, duplication: 0.1, jitter: 100 };
      const pair = new Pair({ ...options(), seed, weather });
      pair.explain(() => pair.handshake());
    }
  });
});

suite('DTLS 1.3 with the wrong pre-shared key', () => {
  test('an unknown identity is refused by name', () => {
    const pair = failed(options({ server: { somebody: KEY } }));
    assert.equal(pair.server.error?.code, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
    assert.equal(pair.client.error?.alert, 'unknown_psk_identity');
  });

  test('a binder of another key ends the handshake at once, and both sides say why', () => {
    const pair = failed(options({ server: { client: OTHER_KEY } }));
    assert.equal(pair.server.error?.code, 'ERR_DTLS_PSK_MISMATCH');
    assert.equal(pair.server.error.alert, 'decrypt_error');
    assert.match(String(pair.client.error?.message), /another pre-shared key/);
  });

  test('a ClientHello changed in transit no longer matches its binder', () => {
    const pair = new Pair(options()).connect();
    pair.intercept = (data, from) => {
      if (from === 'server' || pair.server.entries.length > 0) return [data];
      const changed = Uint8Array.from(data);
      // The last byte of the binder, which ends the message.
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
      return [changed];
    };
    pair.runUntil(() => pair.server.isClosed, 60_000);
    assert.equal(pair.server.error?.code, 'ERR_DTLS_PSK_MISMATCH');
  });
});
