import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Security } from '#lib/connection/version.js';
import { assertAlive } from '../support/alive.js';
import { Pair } from '../support/pair.js';
import { refused } from '../support/refused.js';
import { VERSIONS } from '../support/settings.js';

/** A platform that makes no signatures for `times` times: a policy of it, or a module that is away. */
function refusing(times: number): (security: Security) => Security {
  let left = times;
  return (security) => {
    const { provider } = security;
    const sign: typeof provider.sign = (...asked) => {
      if (left-- > 0) throw new Error('digest not allowed');
      return provider.sign(...asked);
    };
    return security.role === 'server' ? { ...security, provider: { ...provider, sign } } : security;
  };
}

for (const version of VERSIONS) {
  suite(`a signature that the platform refuses to make, ${version}`, () => {
    test('a signature that the platform refuses ends that handshake with internal_error', () => {
      const pair = refused({ version, adjust: refusing(Number.POSITIVE_INFINITY) });
      assert.equal(pair.server.alerts('sent')[0], 'fatal internal_error');
      assert.equal(pair.server.error?.code, 'ERR_DTLS_INTERNAL');
      assert.match(pair.server.error.message, /digest not allowed/);
      assert.deepEqual(
        [pair.client.error?.code, pair.client.error?.alert],
        ['ERR_DTLS_PEER_ALERT', 'internal_error'],
      );
    });

    test('a refused signature ends nothing else: the next ClientHello is served', () => {
      const pair = new Pair({ version, adjust: refusing(1) });
      pair.explain(() => pair.handshake());
      assert.equal(pair.server.entries.length, 2);
      assertAlive(pair);
    });
  });
}
