import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { DEFAULT_SUITES } from '#lib/crypto/suites.js';
import { exportKeyingMaterial } from '#lib/handshake/session.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair } from '../../support/pair.js';

const version = 'DTLSv1.3';
const GROUPS = ['X25519MLKEM768', 'x25519', 'secp256r1', 'secp384r1', 'secp521r1'];

suite('what DTLS 1.3 can agree on', () => {
  for (const { name } of DEFAULT_SUITES['DTLSv1.3']) {
    for (const groups of GROUPS) {
      for (const [key, identity] of Object.entries(SERVERS)) {
        test(`${name} with ${groups} and a certificate of type ${key}`, () => {
          const common = { ciphers: name, groups };
          const pair = new Pair({ version, client: common, server: { ...common, ...identity } });
          pair.explain(() => pair.handshake());
          for (const { sessions } of [pair.client, pair.server]) {
            const [session] = sessions;
            assert.deepEqual(
              [session?.version, session?.suite.name, session?.group],
              [version, name, groups],
            );
          }
          assertAlive(pair);
        });
      }
    }
  }

  for (const [key, identity] of Object.entries(CLIENTS)) {
    for (const { name } of DEFAULT_SUITES['DTLSv1.3']) {
      test(`a client's certificate of type ${key} with ${name}`, () => {
        const pair = new Pair({
          version,
          client: { ...identity, ciphers: name },
          server: { requestCert: true },
        });
        pair.explain(() => pair.handshake());
        assert.equal(pair.server.sessions[0]?.peer.authorized, true);
        assertAlive(pair);
      });
    }
  }

  test('both sides export the same, and other bytes for another label, context or length', () => {
    const pair = new Pair({ version }).handshake();
    const [ours, theirs] = [pair.client.sessions[0], pair.server.sessions[0]];
    assert.ok(ours && theirs);
    const of = (session: typeof ours, label: string, context?: Uint8Array, length = 32) =>
      Buffer.from(exportKeyingMaterial(nodeProvider, session, label, context, length)).toString('hex');
    assert.equal(of(ours, 'EXPORTER-one'), of(theirs, 'EXPORTER-one'));
    const all = [
      of(ours, 'EXPORTER-one'),
      of(ours, 'EXPORTER-two'),
      of(ours, 'EXPORTER-one', Uint8Array.of(1)),
      of(ours, 'EXPORTER-one', undefined, 31),
    ];
    assert.equal(new Set(all.map((text) => text.slice(0, 62))).size, 4);
    // Unlike in DTLS 1.2 (RFC 8446 §7.5).
    assert.equal(of(ours, 'EXPORTER-one', new Uint8Array(0)), all[0]);
  });

  test('every secret is logged under the label of key logs', () => {
    const pair = new Pair({ version }).handshake();
    const labels = [
      'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
      'SERVER_HANDSHAKE_TRAFFIC_SECRET',
      'CLIENT_TRAFFIC_SECRET_0',
      'SERVER_TRAFFIC_SECRET_0',
      'EXPORTER_SECRET',
    ];
    for (const side of [pair.client, pair.server])
      assert.deepEqual(
        side.secrets.map(({ label }) => label),
        labels,
      );
    assert.deepEqual(
      pair.client.secrets.map(({ secret }) => secret),
      pair.server.secrets.map(({ secret }) => secret),
    );
  });
});
