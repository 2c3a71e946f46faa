import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PartialProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { createSodium } from '#lib/crypto/sodium.js';
import { createSecureContext } from '#lib/index.js';
import { client, roundTrip, server } from './echo.js';

const CHACHA = {
  'DTLSv1.2': 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'DTLSv1.3': 'TLS_CHACHA20_POLY1305_SHA256',
} as const;

/** Counts the records of a layer's AEADs. */
function counted({ aeads }: PartialProvider): { readonly layer: PartialProvider; records: number } {
  const made = aeads ?? assert.fail('no AEADs');
  const seen = {
    records: 0,
    layer: {
      aeads: {
        has: (name) => made.has(name),
        aead: (name, key) => {
          const aead = made.aead(name, key);
          return {
            tagLength: aead.tagLength,
            seal: (...record) => {
              seen.records++;
              aead.seal(...record);
            },
            open: (...record) => {
              seen.records++;
              return aead.open(...record);
            },
          };
        },
      },
    } satisfies PartialProvider as PartialProvider,
  };
  return seen;
}

suite('the option cryptoProvider', () => {
  for (const [version, suiteName] of Object.entries(CHACHA)) {
    test(`libsodium protects all records of ${version}, beside a peer with the cryptography of the runtime`, async (t) => {
      const seen = counted(await createSodium());
      const { port } = server(t, { cryptoProvider: seen.layer, ciphers: [suiteName] });
      const session = client(port);
      await session.opened;
      assert.equal(await roundTrip(session, 'through WebAssembly'), 'through WebAssembly');
      assert.match(session.cipher?.name ?? '', /CHACHA20/);
      const before = seen.records;
      assert.equal(await roundTrip(session, 'again'), 'again');
      assert.ok(before >= 4 && seen.records >= before + 2, `${before}, then ${seen.records}`);
      await session.close();
    });
  }

  test('a suite that the runtime lacks is there by the layer', async (t) => {
    const name = 'chacha20-poly1305';
    const layer: PartialProvider = {
      aeads: { has: (one) => one === name, aead: (one, key) => nodeProvider.aead(one, key) },
    };
    const ciphers = [CHACHA['DTLSv1.3']];
    const context = createSecureContext({
      cryptoProvider: layer,
      ciphers,
      ca: [],
      rejectUnauthorized: false,
    });
    const { port } = server(t, { cryptoProvider: await createSodium(), ciphers });
    const session = client(port, { ca: undefined, secureContext: context });
    await session.opened;
    assert.equal(await roundTrip(session, 'x'), 'x');
    await session.close();
  });

  for (const [what, given, code, text] of [
    ['no object', 5, 'ERR_INVALID_ARG_TYPE', /"options\.cryptoProvider"/],
    ['a misspelt group', { aead: {} }, 'ERR_INVALID_ARG_VALUE', /cryptoProvider\.aead'.*aeads/],
    [
      'a group without a function',
      { aeads: { has: () => true } },
      'ERR_INVALID_ARG_TYPE',
      /cryptoProvider\.aeads\.aead"/,
    ],
    ['a group that is no object', { hashes: 1 }, 'ERR_INVALID_ARG_TYPE', /cryptoProvider\.hashes"/],
    [
      'randomness that is no function',
      { randomBytes: {} },
      'ERR_INVALID_ARG_TYPE',
      /cryptoProvider\.randomBytes"/,
    ],
  ] as const) {
    test(`refuses ${what} at once, by name`, () => {
      assert.throws(
        () => createSecureContext({ cryptoProvider: given as never }),
        (error: NodeJS.ErrnoException) => error.code === code && text.test(error.message),
      );
    });
  }

  test('a layer may be an object of a class, whose functions use `this`', () => {
    class Layer implements PartialProvider {
      seen = 0;
      randomBytes = undefined as never;
      equal(a: Uint8Array, b: Uint8Array): boolean {
        this.seen++;
        return nodeProvider.equal(a, b);
      }
    }
    assert.doesNotThrow(() => createSecureContext({ cryptoProvider: new Layer() }));
  });

  test('is the same for all names of a server', () => {
    assert.throws(
      () => createSecureContext({ isServer: true, sni: { 'a.example': { cryptoProvider: {} } } }),
      /cryptoProvider/,
    );
  });
});
