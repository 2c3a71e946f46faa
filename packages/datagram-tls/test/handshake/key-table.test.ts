import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import { Scheme, type SchemeName } from '#lib/wire/codes.js';
import { assertAlive } from '../support/alive.js';
import { SERVERS } from '../support/identities.js';
import { KEYS, type KeyRow } from '../support/key-table.js';
import { Pair } from '../support/pair.js';
import { refused } from '../support/refused.js';
import { type TestedVersion, VERSIONS } from '../support/settings.js';

const SCHEMES = Object.keys(Scheme) as SchemeName[];
const GROUPS = 'x25519:P-256:P-384:P-521';
/** The other side has no certificates to look at, so that all depends on the key. */
const TAKE_ANY: SecurityOptions = {
  ca: undefined,
  peerCertificateTypes: ['RawPublicKey'],
  rejectUnauthorized: false,
  groups: GROUPS,
};

function holder(key: KeyObject): SecurityOptions {
  const pem = key.export({ type: 'pkcs8', format: 'pem' });
  return { cert: undefined, key: pem, certificateTypes: ['RawPublicKey'], groups: GROUPS };
}

/** A server whose own key is of another kind than the client's, which it wants to sign under one scheme. */
function demanding(row: KeyRow, wanted: SchemeName) {
  const [own, scheme] =
    row.name === 'Ed25519'
      ? [SERVERS.p256, 'ecdsa_secp256r1_sha256' as const]
      : [SERVERS.ed25519, 'ed25519' as const];
  return { ...TAKE_ANY, ...own, requestCert: true, sigalgs: [wanted, scheme] };
}

for (const version of VERSIONS) {
  for (const row of KEYS) {
    suite(`a key of type ${row.name}, ${version}`, () => {
      let made: KeyObject | undefined;
      const key = () => (made ??= row.make());

      for (const scheme of SCHEMES) {
        const can = row.can[version].includes(scheme);
        if (can) {
          test(`a server key of type ${row.name} signs under ${scheme}, ${version}`, () => {
            const client = { ...TAKE_ANY, sigalgs: [scheme] };
            const pair = new Pair({ version, client, server: holder(key()) });
            pair.explain(() => pair.handshake());
            assert.equal(pair.client.sessions[0]?.signatureScheme, scheme);
            assertAlive(pair);
          });

          test(`a client key of type ${row.name} signs under ${scheme}, ${version}`, () => {
            const server = demanding(row, scheme);
            const client = { ...holder(key()), sigalgs: server.sigalgs };
            const pair = new Pair({ version, client, server });
            pair.explain(() => pair.handshake());
            assert.ok(pair.server.sessions[0]?.peer.publicKey);
            assertAlive(pair);
          });
        } else {
          test(`a server key of type ${row.name} does not sign under ${scheme}: handshake_failure, ${version}`, () => {
            const client = { ...TAKE_ANY, sigalgs: [scheme] };
            assertRefusedByServer({ version, client, server: holder(key()) }, 'handshake_failure');
          });

          test(`a client key of type ${row.name} does not sign under ${scheme}: no certificate is sent, ${version}`, () => {
            const server = { ...demanding(row, scheme), rejectUnauthorized: true, verifyPeer: () => true };
            const alert = version === 'DTLSv1.3' ? 'certificate_required' : 'handshake_failure';
            assertRefusedByServer({ version, client: holder(key()), server }, alert);
          });
        }
      }
    });
  }
}

function assertRefusedByServer(
  options: { version: TestedVersion; client: SecurityOptions; server: SecurityOptions },
  alert: string,
): void {
  const pair = refused(options);
  assert.equal(pair.server.alerts('sent')[0], `fatal ${alert}`);
  assert.equal(pair.server.sessions.length, 0);
}
