import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeKeyShareRequest } from '#lib/extensions/key-share.js';
import { ExtensionType, Group, HandshakeType, type PskModeName } from '#lib/wire/codes.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import { decodeServerHello, encodeServerHello } from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { CA, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments, rewrite } from '../../support/records.js';
import { refused } from '../../support/refused.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const NO_CERTIFICATE = { cert: undefined, key: undefined };
const ALONE: readonly PskModeName[] = ['psk_ke'];
const BOTH: readonly PskModeName[] = ['psk_dhe_ke', 'psk_ke'];

function options(
  client: readonly PskModeName[] | undefined,
  server: readonly PskModeName[] | undefined,
): PairOptions {
  return {
    version: 'DTLSv1.3',
    client: { psk: { identity: 'client', key: KEY }, pskModes: client },
    server: { ...NO_CERTIFICATE, psk: { client: KEY }, pskModes: server },
  };
}

/** Whether the server answered with a share, and how many ServerHellos and HelloRetryRequests it took. */
function watch(pair: Pair): { hellos: number; share: boolean } {
  const seen = { hellos: 0, share: false };
  const between = pair.intercept;
  pair.intercept = (data, from) => {
    for (const { type, fragment } of plainFragments(data)) {
      if (type !== HandshakeType.server_hello) continue;
      seen.hellos++;
      seen.share = decodeServerHello(fragment)?.extensions.has(ExtensionType.key_share) ?? false;
    }
    return between?.(data, from) ?? [data];
  };
  return seen;
}

function without(pair: Pair, types: readonly number[], of: number): void {
  pair.intercept = (data) => [
    rewrite(data, of, (fragment) => {
      const body = of === HandshakeType.client_hello ? shorter(fragment.fragment) : fragment.fragment;
      return { ...fragment, fragment: body, length: body.length };
    }),
  ];
  function shorter(body: Uint8Array): Uint8Array {
    const hello = decodeClientHello(body) ?? assert.fail('no ClientHello');
    const extensions = new Map(hello.extensions);
    for (const type of types) extensions.delete(type);
    return encodeClientHello({ ...hello, extensions });
  }
}

suite('DTLS 1.3 with a pre-shared key alone', () => {
  for (const [client, server] of [
    [ALONE, ALONE],
    [ALONE, BOTH],
    [BOTH, ALONE],
  ] as const) {
    test(`${client.join()} and ${server.join()}: there is no key exchange`, () => {
      const pair = new Pair(options(client, server));
      const seen = watch(pair);
      pair.handshake();
      assertAlive(pair);
      assert.equal(seen.share, false);
      for (const { sessions } of [pair.client, pair.server]) {
        assert.equal(sessions[0]?.group, undefined);
        assert.ok(sessions[0]?.peer.authorized);
      }
    });
  }

  test('a client of keys alone offers groups and no share, unless keyShares names some', () => {
    for (const [keyShares, expected] of [
      [undefined, []],
      [['x25519' as const], [Group.x25519]],
    ] as const) {
      const base = options(ALONE, ALONE);
      const pair = new Pair({ ...base, client: { ...base.client, keyShares } });
      const shares: number[][] = [];
      pair.onDelivery = ({ data, from }) => {
        if (from === 'server') return;
        for (const { type, fragment } of plainFragments(data)) {
          if (type !== HandshakeType.client_hello) continue;
          const { extensions } = decodeClientHello(fragment) ?? assert.fail();
          assert.ok(extensions.has(ExtensionType.supported_groups));
          const body = extensions.get(ExtensionType.key_share) ?? assert.fail();
          shares.push((decodeKeyShareRequest(body) ?? assert.fail()).map(({ group }) => group));
        }
      };
      pair.handshake();
      assert.deepEqual(shares, [expected, expected]);
    }
  });

  test('a client of keys alone has a share for a server that knows none of them and shows a certificate', () => {
    const pair = new Pair({
      ...options(ALONE, ALONE),
      server: { ...SERVERS.p256, psk: { another: KEY }, pskModes: ALONE },
    });
    const seen = watch(pair);
    pair.handshake();
    assert.deepEqual(seen, { hellos: 2, share: true });
    assert.equal(pair.client.sessions[0]?.group, 'x25519');
    assertAlive(pair);
  });

  for (const [client, server] of [
    [BOTH, BOTH],
    [undefined, BOTH],
    [BOTH, undefined],
    [undefined, undefined],
  ] as const) {
    test(`${client?.join() ?? 'default'} and ${server?.join() ?? 'default'}: there is one`, () => {
      const pair = new Pair(options(client, server));
      const seen = watch(pair);
      pair.handshake();
      assertAlive(pair);
      assert.equal(seen.share, true);
      assert.equal(pair.client.sessions[0]?.group, 'x25519');
    });
  }

  for (const [client, server] of [
    [ALONE, undefined],
    [undefined, ALONE],
  ] as const) {
    test(`${client?.join() ?? 'default'} and ${server?.join() ?? 'default'}: the handshake ends and says why`, () => {
      const pair = refused(options(client, server));
      assert.equal(pair.server.error?.code, 'ERR_DTLS_NO_SHARED_PSK_MODE');
      assert.equal(pair.server.error.alert, 'handshake_failure');
    });

    test(`${client?.join() ?? 'default'} and ${server?.join() ?? 'default'}: a certificate replaces the key`, () => {
      const { client: ofClient, server: ofServer } = options(client, server);
      const pair = new Pair({
        version: 'DTLSv1.3',
        client: { ...ofClient, ca: CA },
        server: { ...ofServer, ...SERVERS.p256 },
      }).handshake();
      assertAlive(pair);
      assert.equal(pair.client.sessions[0]?.peer.pskIdentity, undefined);
      assert.equal(pair.client.sessions[0]?.peer.chain.length, 1);
    });
  }

  test('no common group is needed, with and without a certificate of the server', () => {
    for (const certificate of [NO_CERTIFICATE, SERVERS.p256]) {
      const { client, server } = options(BOTH, BOTH);
      const pair = new Pair({
        version: 'DTLSv1.3',
        client: { ...client, groups: 'x25519' },
        server: { ...server, ...certificate, groups: 'secp256r1' },
      }).handshake();
      assertAlive(pair);
      assert.equal(pair.client.sessions[0]?.group, undefined);
    }
  });

  test('without a common group an unknown identity is reported as such', () => {
    const { client, server } = options(ALONE, ALONE);
    const pair = refused({
      version: 'DTLSv1.3',
      client: { ...client, groups: 'x25519', psk: { identity: 'unknown', key: KEY } },
      server: { ...server, groups: 'secp256r1' },
    });
    assert.equal(pair.server.error?.code, 'ERR_DTLS_UNKNOWN_PSK_IDENTITY');
  });

  test('the binder shows a wrong key', () => {
    const { client, server } = options(ALONE, ALONE);
    const pair = refused({
      version: 'DTLSv1.3',
      client: { ...client, psk: { identity: 'client', key: new Uint8Array(16).fill(9) } },
      ...(server && { server }),
    });
    assert.equal(pair.server.error?.code, 'ERR_DTLS_PSK_MISMATCH');
  });

  test('a ClientHello with a key alone needs neither groups nor shares, and both or none', () => {
    const { supported_groups, key_share } = ExtensionType;
    for (const [types, alert] of [
      [[supported_groups], 'missing_extension'],
      [[key_share], 'missing_extension'],
      // The binder covers what is missing: the key is looked up, and then refused.
      [[supported_groups, key_share], 'decrypt_error'],
    ] as const) {
      const pair = new Pair(options(ALONE, ALONE));
      without(pair, types, HandshakeType.client_hello);
      pair.connect();
      pair.runUntil(() => pair.client.isClosed, 20_000);
      assert.equal(pair.client.error?.alert, alert);
    }
  });

  test('client refuses a mode that it did not offer', () => {
    const noShare = refused(options(undefined, undefined), (pair) => changeShare(pair, undefined));
    assert.deepEqual(noShare.client.alerts('sent'), ['fatal missing_extension']);
    const share = refused(options(ALONE, ALONE), (pair) => changeShare(pair, new Uint8Array(36)));
    assert.deepEqual(share.client.alerts('sent'), ['fatal illegal_parameter']);
  });

  test('psk_ke succeeds on a lossy path', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const weather = { loss: 0.2, duplication: 0.1, jitter: 100 };
      const pair = new Pair({ ...options(ALONE, ALONE), seed, weather });
      pair.explain(() => pair.handshake());
    }
  });

  test('pskModes needs a key, and accepts known names only', () => {
    assert.throws(() => new Pair({ client: { pskModes: ['psk_ke'] } }).connect(), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.pskModes/,
    });
    assert.throws(() => new Pair(options(['psk_rsa' as never], undefined)).connect(), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.pskModes/,
    });
  });
});

/** Takes the share out of the ServerHello that uses the key, or puts one in. */
function changeShare(pair: Pair, share: Uint8Array | undefined): void {
  pair.intercept = (data) => [
    rewrite(data, HandshakeType.server_hello, (fragment) => {
      const hello = decodeServerHello(fragment.fragment) ?? assert.fail('no ServerHello');
      if (!hello.extensions.has(ExtensionType.pre_shared_key)) return fragment;
      const extensions = new Map(hello.extensions);
      extensions.delete(ExtensionType.key_share);
      if (share !== undefined) extensions.set(ExtensionType.key_share, share);
      const body = encodeServerHello({ ...hello, extensions });
      return { ...fragment, fragment: body, length: body.length };
    }),
  ];
}
