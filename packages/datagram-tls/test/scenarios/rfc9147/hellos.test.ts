import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { alertName } from '#lib/base/alerts.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { decodeSupportedVersionsRequest } from '#lib/extensions/supported-versions.js';
import { ContentType, ExtensionType, WireVersion } from '#lib/wire/codes.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import type { HandshakeFragment } from '#lib/wire/messages/handshake-header.js';
import { decodeServerHello, encodeServerHello } from '#lib/wire/messages/server-hello.js';
import { flipped, fragmentRecord, plainFragments, recordsOf, rewrite } from '../../support/records.js';
import { client_hello, hello_verify_request, isRetry, OpenPair, server_hello } from './open-pair.js';

const { cookie, supported_versions } = ExtensionType;

suite('the hellos of DTLS 1.3', () => {
  test('client requests 1.3 in supported_versions, and the old fields are empty or have version 1.2', () => {
    const pair = new OpenPair().handshake();
    const hellos = clientHellos(pair);
    assert.ok(hellos.length > 0);
    for (const hello of hellos) {
      assert.equal(hello.legacyVersion, WireVersion.dtls12);
      assert.equal(hello.sessionId.length, 0);
      assert.equal(hello.cookie.length, 0);
      const versions = hello.extensions.get(supported_versions) ?? assert.fail();
      assert.deepEqual(decodeSupportedVersionsRequest(versions), [WireVersion.dtls13]);
    }
    assert.ok(!hellos[0]?.extensions.has(cookie));
  });

  test('client does a cookie exchange in every handshake', () => {
    const pair = new OpenPair();
    for (let round = 1; round <= 3; round++) {
      pair.handshake();
      assert.equal(pair.server.endpoint.counters.cookiesSent, round);
      const retries = pair.bodies('server', server_hello).filter(isRetry);
      assert.equal(retries.length, round);
      pair.close(pair.client);
      pair.close(pair.server);
      pair.runFor(5000);
    }
    assert.equal(pair.client.sessions.length, 3);
  });

  test('server refuses a cookie that it did not make with illegal_parameter, whichever byte is wrong', () => {
    const { pair, hello } = withheldCookie();
    const decoded = decodeClientHello(hello.fragment) ?? assert.fail();
    const body = decoded.extensions.get(cookie) ?? assert.fail();
    // Alerts would make it begin again.
    pair.close(pair.client);
    pair.runFor(15);
    for (let at = 2; at < body.length; at++) {
      const extensions = new Map(decoded.extensions).set(cookie, flipped(body, at));
      const fragment = encodeClientHello({ ...decoded, extensions });
      assert.deepEqual(answersTo(pair, fragmentRecord({ ...hello, length: fragment.length, fragment })), [
        'fatal illegal_parameter',
      ]);
    }
    assert.equal(pair.server.endpoint.size, 0);
  });

  test('server refuses a cookie from another address than it was made for with illegal_parameter', () => {
    const { pair, hello } = withheldCookie();
    for (const from of [
      { address: '192.0.2.1', family: 'IPv4', port: 40_001 },
      { address: '192.0.2.3', family: 'IPv4', port: 40_000 },
    ] as const) {
      assert.deepEqual(answersTo(pair, fragmentRecord(hello), from), ['fatal illegal_parameter']);
    }
    assert.equal(pair.server.endpoint.size, 0);
    pair.inject(pair.server, fragmentRecord(hello));
    assert.equal(pair.server.endpoint.size, 1);
  });

  for (const versionInRecord of [0xfeff, 0xfefc, 0x0303, 0]) {
    test(`both sides ignore the version ${versionInRecord} in a plaintext record`, () => {
      const pair = new OpenPair();
      let changed = 0;
      pair.intercept = (data) => {
        const copy = data.slice();
        if (plainFragments(data).length > 0) {
          new DataView(copy.buffer).setUint16(1, versionInRecord);
          changed++;
        }
        return [copy];
      };
      pair.handshake();
      assert.equal(changed, 4);
    });
  }

  test('client refuses a second HelloRetryRequest with unexpected_message', () => {
    const pair = new OpenPair({ client: { groups: 'x25519:secp256r1' }, server: { groups: 'secp256r1' } });
    let retry: Uint8Array | undefined;
    pair.intercept = (data, from) => {
      if (from === 'client') return [data];
      return [
        rewrite(data, server_hello, ({ type, messageSeq, fragment }) => {
          retry ??= fragment.slice();
          return { type, messageSeq, fragment: retry };
        }),
      ];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => pair.client.isClosed, 5000));
    assert.deepEqual(pair.client.alerts('sent'), ['fatal unexpected_message']);
  });

  for (const [name, retries] of [
    ['ServerHello', false],
    ['HelloRetryRequest', true],
  ] as const) {
    test(`client refuses a session id in a ${name} with illegal_parameter`, () => {
      const pair = new OpenPair({ client: { groups: 'x25519:secp256r1' }, server: { groups: 'secp256r1' } });
      let changed = 0;
      pair.intercept = (data, from) => {
        if (from === 'client') return [data];
        return [
          rewrite(data, server_hello, ({ type, messageSeq, fragment }) => {
            if (isRetry(fragment) !== retries) return { type, messageSeq, fragment };
            changed++;
            const hello = decodeServerHello(fragment) ?? assert.fail();
            const echoing = encodeServerHello({ ...hello, sessionId: new Uint8Array(32).fill(7) });
            return { type, messageSeq, fragment: echoing };
          }),
        ];
      };
      pair.connect();
      assert.ok(pair.runUntil(() => pair.client.isClosed, 5000));
      assert.ok(changed > 0);
      assert.deepEqual(pair.client.alerts('sent'), ['fatal illegal_parameter']);
    });
  }

  test('server does not echo a session id', () => {
    const pair = changedHello({ sessionId: new Uint8Array(32).fill(7) });
    const answers = pair.bodies('server', server_hello).map((body) => decodeServerHello(body));
    assert.ok(answers.length > 0);
    for (const answer of answers) assert.equal(answer?.sessionId.length, 0);
  });

  test('server refuses a legacy_cookie with illegal_parameter', () => {
    const pair = changedHello({ cookie: new Uint8Array(20) });
    const alerts = pair.records('server').filter(({ type }) => type === ContentType.alert);
    assert.deepEqual(alerts[0]?.content, Uint8Array.of(2, 47));
    assert.ok(pair.bodies('server', server_hello).every(isRetry));
  });

  test('server never sends HelloVerifyRequest to a client that offers 1.3', () => {
    const pair = new OpenPair({ server: { minVersion: 'DTLSv1.2' } }).handshake();
    assert.deepEqual(pair.bodies('server', hello_verify_request), []);
    assert.equal(pair.server.sessions[0]?.version, 'DTLSv1.3');
  });

  test('client that offers both versions answers a HelloVerifyRequest and continues with 1.2', () => {
    const pair = new OpenPair({
      client: { minVersion: 'DTLSv1.2', ciphers: undefined },
      server: { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.2' },
    }).handshake();
    assert.equal(pair.bodies('server', hello_verify_request).length, 1);
    assert.equal(pair.client.sessions[0]?.version, 'DTLSv1.2');
  });
});

function clientHellos(pair: OpenPair) {
  return pair.bodies('client', client_hello).map((body) => decodeClientHello(body) ?? assert.fail());
}

/** A pair whose client has just answered a cookie request, and that answer, which is not delivered. */
function withheldCookie(): { pair: OpenPair; hello: HandshakeFragment } {
  const pair = new OpenPair();
  let hello: HandshakeFragment | undefined;
  pair.intercept = (data, from) => {
    const [fragment] = plainFragments(data);
    if (from === 'server' || !fragment || !decodeClientHello(fragment.fragment)?.extensions.has(cookie))
      return [data];
    hello ??= fragment;
    return [];
  };
  pair.connect();
  assert.ok(pair.runUntil(() => hello !== undefined, 900));
  return { pair, hello: hello ?? assert.fail() };
}

/** What the server sends in answer to a datagram: its fatal alerts, and the types of other records. */
function answersTo(pair: OpenPair, datagram: Uint8Array, from?: PeerAddress): string[] {
  const before = pair.datagrams.length;
  const strays = pair.strays.length;
  pair.inject(pair.server, datagram, from);
  pair.runFor(15);
  // Those to another address than the client's reach nobody.
  return [...pair.datagrams.slice(before), ...pair.strays.slice(strays)]
    .filter((sent) => sent.from === 'server')
    .flatMap(({ data }) => recordsOf(data))
    .map(({ type, body }) => {
      const [level, description = 0] = body;
      return type === ContentType.alert && level === 2 ? `fatal ${alertName(description)}` : `type ${type}`;
    });
}

/** A handshake whose ClientHellos are changed on the path, run until nothing is left to do. */
function changedHello(change: object): OpenPair {
  const pair = new OpenPair();
  pair.intercept = (data, from) => {
    if (from === 'server' || plainFragments(data).length === 0) return [data];
    return [
      rewrite(data, client_hello, ({ type, messageSeq, fragment }) => {
        const hello = decodeClientHello(fragment) ?? assert.fail();
        return { type, messageSeq, fragment: encodeClientHello({ ...hello, ...change }) };
      }),
    ];
  };
  pair.connect();
  pair.runFor(70_000);
  return pair;
}
