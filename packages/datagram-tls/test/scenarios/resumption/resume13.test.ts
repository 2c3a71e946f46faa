import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { keyPinOf } from '../../support/pins.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.3';
const MUTUAL: PairOptions = {
  version,
  client: { ...CLIENTS.ed25519 },
  server: { requestCert: true },
};

/** A session, and a second one that resumes it. */
function twice(options: PairOptions, changed: PairOptions = {}): { first: Pair; second: Pair } {
  const first = new Pair(options).handshake();
  const second = returning(savedSession(first), { ...options, ...changed }).handshake();
  return { first, second };
}

suite('resumption of DTLS 1.3 sessions', () => {
  for (const ciphers of [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_CCM_SHA256',
  ]) {
    test(`${ciphers}: no certificate is sent, the server is still authenticated, and messages go both ways`, () => {
      const { first, second } = twice({ version, client: { ciphers } });
      assert.ok(!isResumed(first));
      assert.ok(isResumed(second));
      const received = second.client.flights('received').flat();
      assert.ok(!received.includes('certificate'), received.join());
      const [before, after] = [first.client.sessions[0], second.client.sessions[0]];
      assert.deepEqual(after?.peer.chain[0]?.der, before?.peer.chain[0]?.der);
      assert.ok(after?.peer.authorized);
      assert.equal(after.signatureScheme, undefined);
      assert.equal(after.suite.name, ciphers);
      assertAlive(second);
    });
  }

  test("a client's certificate is known to the server of the resumed session", () => {
    const { first, second } = twice(MUTUAL);
    assert.ok(isResumed(second));
    const [before, after] = [first.server.sessions[0], second.server.sessions[0]];
    assert.equal(before?.peer.chain.length, 1);
    assert.deepEqual(after?.peer.chain[0]?.der, before.peer.chain[0]?.der);
    assert.ok(after?.peer.authorized);
    assertAlive(second);
  });

  test('raw public keys are resumed, and checked again by their pins', () => {
    const type = ['RawPublicKey'] as const;
    const pinned = (key: string) => ({ ca: undefined, peerCertificateTypes: type, pins: [keyPinOf(key)] });
    const { key } = CLIENTS.ed25519;
    const options: PairOptions = {
      version,
      client: { key, certificateTypes: type, ...pinned(SERVERS.ed25519.key) },
      server: {
        ...{ cert: undefined, key: SERVERS.ed25519.key, certificateTypes: type, requestCert: true },
        ...pinned(key),
      },
    };
    const { first, second } = twice(options);
    assert.ok(isResumed(second));
    for (const side of ['client', 'server'] as const) {
      const { peer } = second[side].sessions[0] ?? assert.fail();
      assert.ok(peer.authorized);
      assert.deepEqual(peer.publicKey, first[side].sessions[0]?.peer.publicKey);
    }
    const strict = { ...options.server, ...pinned(CLIENTS.p256.key) };
    const third = returning(savedSession(second), { ...options, server: strict }).connect();
    third.runUntil(() => third.server.isClosed, 60_000);
    assert.equal(third.server.error?.code, 'ERR_DTLS_CERTIFICATE');
  });

  test('each session gives one ticket, also a resumed one, and the remaining lifetime does not grow', () => {
    const { first, second } = twice({ version }, { today: Date.UTC(2030, 5, 15, 1) });
    assert.equal(first.client.tickets.length, 1);
    assert.equal(first.client.tickets[0]?.lifetime, 7_200_000);
    const [next, ...more] = second.client.tickets;
    assert.deepEqual(more, []);
    assert.equal(next?.lifetime, 3_600_000);
    const third = returning(savedSession(second), { version, today: Date.UTC(2030, 5, 15, 1, 59) });
    assert.ok(isResumed(third.handshake()));
    const tooLate = returning(savedSession(second), { version, today: Date.UTC(2030, 5, 15, 2, 0, 1) });
    assert.ok(!isResumed(tooLate.handshake()));
  });

  test('binders cover the second ClientHello after a change of group, too', () => {
    const client = { groups: 'x25519:secp256r1', keyShares: 'x25519' };
    const { second } = twice({ version, client, server: { groups: 'secp256r1' } });
    assert.ok(isResumed(second));
    assert.equal(second.server.sessions[0]?.group, 'secp256r1');
    assertAlive(second);
  });

  test('a session is preferred to a pre-shared key, and the key serves when the session is gone', () => {
    const psk = { identity: 'client', key: new Uint8Array(16).fill(1) };
    const server = { ...SERVERS.ed25519, psk: { client: psk.key } };
    const session = savedSession(new Pair({ version, client: { ca: CA }, server }).handshake());
    const both = { version, client: { ca: CA, psk } } as const;
    const resumed = returning(session, { ...both, server }).handshake();
    assert.ok(isResumed(resumed));
    assert.equal(resumed.server.sessions[0]?.peer.pskIdentity, undefined);
    const forgetful = returning(session, { ...both, server: { ...server, ticketKeys: false } }).handshake();
    assert.ok(!isResumed(forgetful));
    assert.ok(forgetful.server.sessions[0]?.peer.pskIdentity !== undefined);
  });

  test('a session on a pre-shared key gives no ticket', () => {
    const psk = { identity: 'client', key: new Uint8Array(16).fill(1) };
    const pair = new Pair({ version, client: { psk }, server: { psk: { client: psk.key } } }).handshake();
    assert.ok(pair.server.sessions[0]?.peer.pskIdentity !== undefined);
    assert.deepEqual(pair.client.tickets, []);
  });

  test("the server's own keys work like given ones", () => {
    // Both handshakes have the same options, and so the same context.
    const { second } = twice({ version, server: { ticketKeys: undefined } });
    assert.ok(isResumed(second));
  });

  test('a later key opens what an earlier one sealed while both are present', () => {
    const [old, next] = [1, 2].map((fill) => new Uint8Array(80).fill(fill)) as [Uint8Array, Uint8Array];
    const session = savedSession(new Pair({ version, server: { ticketKeys: old } }).handshake());
    const turned = returning(session, { version, server: { ticketKeys: [next, old] } }).handshake();
    assert.ok(isResumed(turned));
    const after = returning(savedSession(turned), { version, server: { ticketKeys: next } }).handshake();
    assert.ok(isResumed(after));
  });

  test('sessions are resumed on lossy paths', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const weather = { loss: 0.2, duplication: 0.1, jitter: 100 };
      const first = new Pair({ ...MUTUAL, seed, weather });
      first.explain(() => {
        first.handshake();
        assert.ok(
          first.runUntil(() => first.client.tickets.length > 0, 600_000),
          'no ticket',
        );
      });
      const second = returning(savedSession(first), { ...MUTUAL, seed, weather });
      second.explain(() => {
        second.handshake();
        assert.ok(isResumed(second));
      });
    }
  });
});
