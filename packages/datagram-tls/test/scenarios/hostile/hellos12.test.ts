import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { toHex } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { ExtensionType, HandshakeType, WireVersion } from '#lib/wire/codes.js';
import { type ClientHello, decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import {
  DOWNGRADE_TO_12,
  decodeServerHello,
  encodeServerHello,
  type ServerHello,
} from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments, rewrite } from '../../support/records.js';
import { PLATFORM } from '../../support/settings.js';

const { client_hello, server_hello } = HandshakeType;

suite('what a ServerHello may say, DTLSv1.2', () => {
  const cases: readonly [string, (hello: ServerHello) => Partial<ServerHello>, string][] = [
    ['a suite that was not offered', () => ({ cipherSuite: 0xc0af }), 'illegal_parameter'],
    ['a suite of DTLS 1.3', () => ({ cipherSuite: 0x1301 }), 'illegal_parameter'],
    ['the signalling suite', () => ({ cipherSuite: 0x00ff }), 'illegal_parameter'],
    ['a compression method', () => ({ compressionMethod: 1 }), 'illegal_parameter'],
    ['version 1.0', () => ({ legacyVersion: WireVersion.dtls10 }), 'protocol_version'],
    ['version 1.3 in the old field', () => ({ legacyVersion: WireVersion.dtls13 }), 'protocol_version'],
    ['an unknown version', () => ({ legacyVersion: 0x0303 }), 'protocol_version'],
    [
      'an extension that was not offered',
      withExtension(ExtensionType.alpn, [0, 2, 1, 65]),
      'unsupported_extension',
    ],
    ['a cookie extension', withExtension(ExtensionType.cookie, [0, 1, 1]), 'unsupported_extension'],
    [
      'point formats without the uncompressed one',
      withExtension(ExtensionType.ec_point_formats, [1, 1]),
      'illegal_parameter',
    ],
    [
      'a malformed list of point formats',
      withExtension(ExtensionType.ec_point_formats, [2, 0]),
      'decode_error',
    ],
    [
      'an extended_master_secret with content',
      withExtension(ExtensionType.extended_master_secret, [1]),
      'decode_error',
    ],
    ['a server_name with content', withExtension(ExtensionType.server_name, [0, 0]), 'decode_error'],
  ];
  for (const [what, change, alert] of cases) {
    test(`client refuses ${what} in a ServerHello with ${alert}`, () => {
      const pair = new Pair();
      rewriteHello(pair, 'server', (hello) => ({ ...hello, ...change(hello as ServerHello) }));
      pair.connect();
      pair.runUntil(() => pair.client.isClosed, 2000);
      assert.deepEqual(pair.client.alerts('sent'), [`fatal ${alert}`]);
    });
  }

  test('client with 1.3 refuses the mark of a forged downgrade with illegal_parameter', () => {
    const pair = new Pair({
      adjust: (s) =>
        s.role === 'client'
          ? { ...s, versions: PLATFORM.versions }
          : { ...s, provider: { ...s.provider, randomBytes: marked } },
    });
    pair.connect();
    pair.runUntil(() => pair.client.isClosed, 2000);
    assert.equal(pair.client.error?.code, 'ERR_DTLS_DOWNGRADE');
    assert.deepEqual(pair.client.alerts('sent'), ['fatal illegal_parameter']);
  });

  test('client without 1.3 ignores the mark in a random', () => {
    const marks = (s: { role: Role }) => s.role === 'server';
    const pair = new Pair({
      adjust: (s) => (marks(s) ? { ...s, provider: { ...s.provider, randomBytes: marked } } : s),
    });
    pair.handshake();
    assertAlive(pair);
  });

  test("server never repeats a client's session ID, which would promise a resumption", () => {
    const pair = new Pair();
    const answers: string[] = [];
    rewriteHello(pair, 'client', (hello) => ({ ...hello, sessionId: new Uint8Array(32).fill(9) }));
    const rewriteClient = pair.intercept;
    pair.intercept = (data, from) => {
      for (const f of plainFragments(data))
        if (f.type === server_hello)
          answers.push(toHex(decodeServerHello(f.fragment)?.sessionId ?? assert.fail()));
      return rewriteClient?.(data, from) ?? [data];
    };
    pair.connect().runFor(500);
    assert.deepEqual(answers, ['']);
  });
});

suite('what a ClientHello may say, DTLSv1.2', () => {
  const cases: readonly [
    string,
    Partial<ClientHello> | ((hello: ClientHello) => Partial<ClientHello>),
    string,
  ][] = [
    ['version 1.0', { legacyVersion: WireVersion.dtls10 }, 'protocol_version'],
    ['no null compression', { compressionMethods: Uint8Array.of(1) }, 'illegal_parameter'],
    ['no supported suite', { cipherSuites: [0x0035, 0x002f] }, 'handshake_failure'],
    ['suites for another kind of certificate', { cipherSuites: [0xc02f] }, 'handshake_failure'],
    [
      'no supported group',
      withClientExtension(ExtensionType.supported_groups, [0, 2, 0, 1]),
      'handshake_failure',
    ],
    [
      'no supported signature scheme',
      withClientExtension(ExtensionType.signature_algorithms, [0, 2, 2, 1]),
      'handshake_failure',
    ],
    [
      'groups with half a group',
      withClientExtension(ExtensionType.supported_groups, [0, 3, 0, 29, 0]),
      'decode_error',
    ],
    [
      'an empty list of schemes',
      withClientExtension(ExtensionType.signature_algorithms, [0, 0]),
      'decode_error',
    ],
    ['a name of length 0', withClientExtension(ExtensionType.server_name, [0, 3, 0, 0, 0]), 'decode_error'],
    [
      'point formats without the uncompressed one',
      withClientExtension(ExtensionType.ec_point_formats, [1, 1]),
      'illegal_parameter',
    ],
  ];
  for (const [what, change, alert] of cases) {
    test(`server refuses ${what} in a ClientHello with ${alert}`, () => {
      const pair = new Pair();
      rewriteHello(pair, 'client', (hello) => {
        const changed = typeof change === 'function' ? change(hello as ClientHello) : change;
        return { ...hello, ...changed };
      });
      pair.connect();
      pair.runUntil(() => pair.server.isClosed, 2000);
      assert.deepEqual(pair.server.alerts('sent'), [`fatal ${alert}`]);
      pair.runUntil(() => pair.client.isClosed, 5000);
      assert.equal(pair.client.error?.alert, alert.replaceAll(' ', '_'));
    });
  }

  test('server with 1.3 refuses a client that fell back to 1.2 with inappropriate_fallback', () => {
    const pair = new Pair({
      adjust: (s) => (s.role === 'server' ? { ...s, versions: PLATFORM.versions } : s),
    });
    rewriteHello(pair, 'client', (hello) => {
      const { cipherSuites } = hello as ClientHello;
      return { ...hello, cipherSuites: [...cipherSuites, 0x5600] };
    });
    pair.connect();
    pair.runUntil(() => pair.client.isClosed, 2000);
    assert.equal(pair.client.alerts('received')[0], 'fatal inappropriate_fallback');
    assert.equal(pair.server.endpoint.counters.serverSessions, 0);
  });

  test('unknown suites, groups, schemes and extensions are ignored', () => {
    const pair = new Pair();
    const seen: number[] = [];
    // What the client sends is what both must see: it is the client itself that offers more.
    pair.intercept = (data) => {
      for (const f of plainFragments(data)) seen.push(f.type);
      return [data];
    };
    pair.handshake();
    assert.ok(seen.includes(server_hello));
    const alone = new Pair();
    rewriteHello(alone, 'client', (hello) => {
      const { cipherSuites, extensions } = hello as ClientHello;
      return {
        ...hello,
        cipherSuites: [0x0a0a, 0xfafa, ...cipherSuites],
        extensions: new Map([[0x0a0a, new Uint8Array(3)], ...extensions, [0xfafa, new Uint8Array(0)]]),
      };
    });
    alone.connect();
    alone.runUntil(() => alone.server.secrets.length > 0, 900);
    assert.equal(alone.server.secrets.length, 1, 'the server went on to the keys');
  });
});

suite('randoms, DTLSv1.2', () => {
  test('every hello has its own random, which comes from the provider', () => {
    const randoms = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const pair = new Pair({ seed });
      pair.handshake();
      const { secrets } = pair.client.sessions[0] ?? assert.fail();
      assert.ok(secrets.version === 'DTLSv1.2');
      for (const random of [secrets.clientRandom, secrets.serverRandom]) {
        assert.equal(random.length, 32);
        assert.ok(random.some((byte) => byte !== 0));
        randoms.add(toHex(random));
      }
    }
    assert.equal(randoms.size, 40);
  });
});

suite('what both sides agree on, DTLSv1.2', () => {
  const SUITES: readonly [keyof typeof SERVERS, string][] = [
    ['ed25519', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['ed25519', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['p256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    ['p256', 'ECDHE-ECDSA-AES128-CCM'],
    ['p256', 'ECDHE-ECDSA-AES256-CCM8'],
    ['rsa', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ['rsa', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['rsa', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ];
  for (const [certificate, cipher] of SUITES) {
    for (const group of ['x25519', 'secp256r1', 'secp384r1', 'secp521r1']) {
      test(`${cipher} with ${group} and a certificate of type ${certificate}`, () => {
        const groups = `${group}:P-256`;
        const options: PairOptions = {
          client: { ciphers: cipher, groups },
          server: { ...SERVERS[certificate], ciphers: cipher, groups },
        };
        const pair = new Pair(options).handshake();
        for (const side of [pair.client, pair.server]) {
          const session = side.sessions[0] ?? assert.fail();
          assert.equal(session.suite.opensslName, cipher);
          assert.equal(session.group, group);
          assert.ok(session.extendedMasterSecret);
          assert.equal(session.serverName, 'localhost');
        }
        assertAlive(pair);
      });
    }
  }
});

function marked(length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(3);
  if (length === 32) bytes.set(DOWNGRADE_TO_12, 24);
  return bytes;
}

function withExtension(type: number, body: readonly number[]) {
  return ({ extensions }: ServerHello): Partial<ServerHello> => ({
    extensions: new Map([...extensions, [type, Uint8Array.from(body)]]),
  });
}

function withClientExtension(type: number, body: readonly number[]) {
  return ({ extensions }: ClientHello): Partial<ClientHello> => ({
    extensions: new Map([...extensions, [type, Uint8Array.from(body)]]),
  });
}

/** Changes every hello of `sender` on its way; of a client the one with the cookie. */
function rewriteHello(
  pair: Pair,
  sender: Role,
  change: (hello: ClientHello | ServerHello) => ClientHello | ServerHello,
): void {
  pair.intercept = (data, from) => {
    if (from !== sender) return [data];
    const type = sender === 'client' ? client_hello : server_hello;
    return [
      rewrite(data, type, (f) => {
        const body =
          sender === 'client'
            ? encodeClientHello(change(decodeClientHello(f.fragment) ?? assert.fail()) as ClientHello)
            : encodeServerHello(change(decodeServerHello(f.fragment) ?? assert.fail()) as ServerHello);
        return { ...f, fragment: body, length: body.length };
      }),
    ];
  };
}
