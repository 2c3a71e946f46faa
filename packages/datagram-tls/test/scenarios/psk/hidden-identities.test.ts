// Siege case A20: whether a server has a key for an identity can be hidden from its clients.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PskCredentialsOption } from '#lib/config/psk-options.js';
import { createSecureContext, type SecureContextOptions } from '#lib/index.js';
import { assertAlive } from '../../support/alive.js';
import { SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { recordsOf } from '../../support/records.js';
import { refused } from '../../support/refused.js';
import { VERSIONS } from '../../support/settings.js';

const KEY = new Uint8Array(16).fill(5);
const WRONG = new Uint8Array(16).fill(6);

/** All that an observer of every datagram can learn about a refusal. */
interface Look {
  /** Sender and time of each datagram, and type, epoch and length of its records. */
  readonly wire: readonly string[];
  readonly alerts: readonly string[];
}

function look(pair: Pair): Look {
  return {
    wire: wires.get(pair) ?? assert.fail(),
    alerts: pair.client.alerts('received'),
  };
}

const wires = new WeakMap<Pair, string[]>();

function watched(options: PairOptions): Pair {
  return refused(options, (pair) => {
    const wire: string[] = [];
    wires.set(pair, wire);
    pair.onDelivery = ({ data, from }) => {
      const records = recordsOf(data).map(({ type, epoch, body }) => `${type}/${epoch}/${body.length}`);
      wire.push(`${pair.now} ${from} ${records.join(' ')}`);
    };
  });
}

for (const version of VERSIONS) {
  suite(`identities that are hidden, ${version}`, () => {
    const options = (psk: PskCredentialsOption, ciphers?: string): PairOptions => {
      const suites = ciphers === undefined ? {} : { ciphers };
      return {
        version,
        client: { psk, ...suites },
        server: { cert: undefined, key: undefined, psk: { known: KEY }, pskHideUnknown: true, ...suites },
      };
    };
    const ciphers = {
      'DTLSv1.2': ['PSK-AES128-GCM-SHA256', 'ECDHE-PSK-CHACHA20-POLY1305', 'PSK-AES128-CBC-SHA256'],
      'DTLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
    }[version];

    for (const name of ciphers) {
      test(`${name}: an unknown identity looks like a known one with a wrong key, record by record`, () => {
        const wrong = watched(options({ identity: 'known', key: WRONG }, name));
        const unknown = watched(options({ identity: 'other', key: WRONG }, name));
        assert.deepEqual(look(unknown), look(wrong));
        assert.equal(unknown.client.error?.alert, 'decrypt_error');
      });

      test(`${name}: the server's own errors distinguish unknown identities and wrong keys`, () => {
        const wrong = watched(options({ identity: 'known', key: WRONG }, name));
        const unknown = watched(options({ identity: 'other', key: KEY }, name));
        const errors = [wrong.server.error, unknown.server.error];
        assert.deepEqual(
          errors.map((error) => error?.code),
          ['ERR_DTLS_PSK_MISMATCH', 'ERR_DTLS_UNKNOWN_PSK_IDENTITY'],
        );
        assert.deepEqual(
          errors.map((error) => error?.alert),
          ['decrypt_error', 'decrypt_error'],
        );
      });

      test(`${name}: a known identity with its key is served`, () => {
        assertAlive(new Pair(options({ identity: 'known', key: KEY }, name)).handshake());
      });
    }

    test('several unknown identities look like several of which one has a wrong key', () => {
      const both = (first: string) => [
        { identity: first, key: WRONG },
        { identity: 'none', key: WRONG },
      ];
      const wrong = watched(options(both('known')));
      assert.deepEqual(look(watched(options(both('other')))), look(wrong));
    });

    test('without pskHideUnknown an unknown identity is refused by name', () => {
      const { client, server } = options({ identity: 'other', key: KEY });
      const pair = refused({ version, client: client ?? {}, server: { ...server, pskHideUnknown: false } });
      assert.equal(pair.client.error?.alert, 'unknown_psk_identity');
    });
  });
}

suite('the option pskHideUnknown', () => {
  const context = (options: SecureContextOptions) => () =>
    createSecureContext({ isServer: true, ...options });

  test('pskHideUnknown beside a certificate is refused for DTLS 1.3, which shows the certificate to unknown identities', () => {
    const both = { ...SERVERS.ed25519, psk: { known: KEY }, pskHideUnknown: true };
    assert.throws(context(both), { code: 'ERR_INVALID_ARG_VALUE', message: /pskHideUnknown.*certificate/ });
    context({ ...both, maxVersion: 'DTLSv1.2' })();
  });

  test('pskHideUnknown of another type, on a client, or without psk is a mistake of the caller', () => {
    const psk = { known: KEY };
    assert.throws(context({ psk, pskHideUnknown: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(context({ ...SERVERS.ed25519, pskHideUnknown: true }), { code: 'ERR_INVALID_ARG_VALUE' });
    const client = { psk: { identity: 'known', key: KEY }, pskHideUnknown: true };
    assert.throws(() => createSecureContext(client), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});
