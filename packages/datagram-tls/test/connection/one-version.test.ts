import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import { resolveSecurity } from '#lib/config/resolve.js';
import { dtls12 } from '#lib/connection/dtls12.js';
import { dtls13 } from '#lib/connection/dtls13.js';
import { assertAlive } from '../support/alive.js';
import { Pair } from '../support/pair.js';
import { PLATFORM } from '../support/settings.js';

const BOTH = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3' } as const;

function namesOf(options: SecurityOptions, versions: typeof PLATFORM.versions): string[] {
  return resolveSecurity(options, 'client', { ...PLATFORM, versions }).versions.map(({ name }) => name);
}

for (const version of [dtls12, dtls13]) {
  suite(`a program that speaks ${version.name} alone`, () => {
    test('offers no other version, whatever its options allow', () => {
      assert.deepEqual(namesOf({}, [version]), [version.name]);
      assert.deepEqual(namesOf({}, PLATFORM.versions), ['DTLSv1.3', 'DTLSv1.2']);
    });

    test('refuses options that leave no version', () => {
      const other = version.name === 'DTLSv1.2' ? 'DTLSv1.3' : 'DTLSv1.2';
      assert.throws(() => namesOf({ minVersion: other, maxVersion: other }, [version]), {
        code: 'ERR_INVALID_ARG_VALUE',
        message: /leaves no version: this program speaks DTLSv1/,
      });
    });

    for (const role of ['client', 'server'] as const) {
      test(`as a ${role} connects to a peer that speaks both`, () => {
        const pair = new Pair({
          client: BOTH,
          server: BOTH,
          adjust: (security) => (security.role === role ? { ...security, versions: [version] } : security),
        }).handshake();
        assert.equal(pair.client.sessions[0]?.version, version.name);
        assertAlive(pair);
      });
    }
  });
}
