import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';
import { VERSIONS } from '../../support/settings.js';

/** About as much as two certificates with RSA keys. */
const CHAIN = [CLIENTS.p256.cert, ...Array.from({ length: 8 }, () => CA)].join('\n');
const KEY = new Uint8Array(16).fill(5);

for (const version of VERSIONS) {
  const options: PairOptions = {
    version,
    client: { cert: CHAIN, key: CLIENTS.p256.key },
    server: { requestCert: true },
  };
  const session = savedSession(new Pair(options).handshake());

  suite(`tickets with the certificates of a client in several datagrams, ${version}`, () => {
    test('large tickets are issued and resumed, in the smallest datagrams, too', () => {
      assert.ok(session.ticket.length > 2700 && session.ticket.length <= 3072);
      for (const mtu of [256, 548, 1200]) {
        const behaviour = { mtu };
        const changed = { clientBehaviour: behaviour, serverBehaviour: behaviour };
        const pair = returning(session, { ...options, ...changed }).handshake();
        assert.ok(isResumed(pair), `datagrams of ${mtu} bytes`);
        assert.equal(pair.server.sessions[0]?.peer.chain.length, 9);
        assertAlive(pair);
      }
    });

    test('large tickets are issued and resumed on lossy paths', () => {
      for (let seed = 1; seed <= 10; seed++) {
        const weather = { loss: 0.1, duplication: 0.1, jitter: 100 };
        const pair = returning(session, { ...options, seed, weather });
        pair.explain(() => pair.handshake());
        assert.ok(isResumed(pair));
      }
    });
  });
}

suite('a large ticket beside as many identities as there may be', () => {
  test('a large ticket beside the maximum of identities is accepted by a server before address validation', () => {
    const client = { cert: CHAIN, key: CLIENTS.p256.key };
    const server = { ...SERVERS.ed25519, requestCert: true, psk: { other: KEY } };
    const first = new Pair({ version: 'DTLSv1.3', client, server }).handshake();
    const psk = { identity: new Uint8Array(4096).fill(1), key: KEY };
    const pair = returning(savedSession(first), {
      version: 'DTLSv1.3',
      client: { ...client, psk },
      server,
      clientBehaviour: { mtu: 256 },
    }).handshake();
    assert.ok(isResumed(pair));
  });
});
