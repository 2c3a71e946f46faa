// Siege case C10: a client with binders before a server that answers with HelloVerifyRequest.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { COOKIE_LIFETIME } from '#lib/config/limits.js';
import { ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import { type ClientHello, decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import {
  decodeHelloVerifyRequest,
  encodeHelloVerifyRequest,
} from '#lib/wire/messages/hello-verify-request.js';
import { assertAlive } from '../../support/alive.js';
import { sessionFor } from '../../support/early.js';
import { SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { flipped, fragmentRecord, plainFragments, recordsOf, rewrite } from '../../support/records.js';

const LOCALHOST = { serverName: 'localhost', verifyName: 'localhost' };
const session13 = () => sessionFor({});
const { client_hello, hello_verify_request, server_hello } = HandshakeType;

suite('cookies, DTLSv1.2', () => {
  test('a HelloVerifyRequest repeats the numbers of the ClientHello that it answers, however often it was sent', () => {
    const pair = new Pair();
    const answers: { record: number; message: number }[] = [];
    let refused = 0;
    pair.intercept = (data, from) => {
      const [fragment] = plainFragments(data);
      if (from === 'client' || fragment?.type !== hello_verify_request) return [data];
      answers.push({ record: recordsOf(data)[0]?.sequence ?? -1, message: fragment.messageSeq });
      return refused++ < 3 ? [] : [data];
    };
    pair.handshake();
    assert.deepEqual(
      answers,
      [0, 1, 2, 3].map((record) => ({ record, message: 0 })),
    );
    assertAlive(pair);
  });

  test('after lost hellos both sides number records and messages as the other expects', () => {
    for (let lost = 0; lost < 6; lost++) {
      const pair = new Pair();
      const hellos: [string, number, number][] = [];
      let seen = 0;
      pair.intercept = (data, from) => {
        const record = recordsOf(data)[0] ?? assert.fail();
        const [first] = plainFragments(data);
        if (first?.type === client_hello || first?.type === server_hello)
          hellos.push([from, record.sequence, first.messageSeq]);
        return seen++ < lost && first?.type !== undefined ? [] : [data];
      };
      pair.explain(() => pair.handshake());
      const cookied = hellos.filter(([from, , message]) => from === 'client' && message === 1);
      const answered = hellos.filter(([from]) => from === 'server');
      assert.ok(cookied.length > 0 && answered.every(([, , message]) => message === 1));
      const admitted = cookied.map(([, record]) => record);
      assert.ok(admitted.includes(answered[0]?.[1] ?? -1), 'the server goes on from the record it admitted');
      assertAlive(pair);
    }
  });

  test('the second ClientHello differs from the first only in its cookie', () => {
    const pair = new Pair();
    const bodies: Uint8Array[] = [];
    pair.intercept = (data) => {
      for (const f of plainFragments(data)) if (f.type === client_hello) bodies.push(f.fragment.slice());
      return [data];
    };
    pair.handshake();
    const [first, second] = bodies.map((body) => decodeClientHello(body) ?? assert.fail());
    assert.ok(first && second && first.cookie.length === 0 && second.cookie.length > 0);
    assert.deepEqual({ ...second, cookie: first.cookie }, first);
  });

  const key = new Uint8Array(16).fill(5);
  const offers: readonly [string, () => PairOptions][] = [
    ['a pre-shared key', () => ({ client: { psk: { identity: 'sensor', key } } })],
    ['an imported pre-shared key', () => ({ client: { psk: { identity: 'sensor', key, import: true } } })],
    ['a kept session of DTLS 1.3', () => ({ destination: { ...LOCALHOST, session: session13() } })],
  ];
  for (const [what, options] of offers) {
    test(`client with ${what} answers a HelloVerifyRequest with a ClientHello that differs only in its cookie`, () => {
      const given = options();
      const both = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3', ...given.client } as const;
      const pair = new Pair({ ...given, client: both, server: { ...SERVERS.ed25519, psk: { sensor: key } } });
      const hellos: ClientHello[] = [];
      pair.intercept = (data) => {
        for (const { type, fragment } of plainFragments(data))
          if (type === client_hello) hellos.push(decodeClientHello(fragment.slice()) ?? assert.fail());
        return [data];
      };
      pair.explain(() => pair.handshake());
      const [first, second] = hellos;
      assert.ok(first && second && first.cookie.length === 0 && second.cookie.length > 0);
      assert.ok(first.extensions.has(ExtensionType.pre_shared_key));
      assert.deepEqual({ ...second, cookie: first.cookie }, first);
      assertAlive(pair);
    });
  }

  test('a wrong, foreign, shortened or lengthened cookie makes no state and gets a new request', () => {
    const { pair, hello, datagram } = withCookie();
    const { endpoint, address } = pair.server;
    const cookie = hello.cookie;
    const wrong = [
      ...Array.from(cookie, (_, at) => flipped(cookie, at)),
      ...[0, 1, cookie.length - 1].map((length) => cookie.slice(0, length)),
      concat(cookie, Uint8Array.of(0)),
      new Uint8Array(255),
    ];
    for (const forged of wrong) {
      endpoint.receive(replaceCookie(datagram, forged), '192.0.2.1', 40_000, 'IPv4', pair.now);
      assert.ok(endpoint.pollTransmit());
    }
    for (const [host, port] of [
      ['192.0.2.9', 40_000],
      ['192.0.2.1', 40_001],
    ] as const) {
      endpoint.receive(datagram, host, port, 'IPv4', pair.now);
      assert.ok(endpoint.pollTransmit());
    }
    assert.equal(endpoint.size, 0, `${address.address} holds state`);
    assert.equal(endpoint.counters.cookiesSent, 1 + wrong.length + 2);
  });

  test('a cookie is bound to the random of its ClientHello, and not to the session ID, which some clients change', () => {
    const { pair, hello, datagram } = withCookie();
    const { endpoint } = pair.server;
    const sizes = [
      { ...hello, random: flipped(hello.random, 5) },
      { ...hello, sessionId: Uint8Array.of(1, 2, 3) },
    ].map((changed) => {
      const body = encodeClientHello(changed);
      const other = rewrite(datagram, client_hello, (f) => ({ ...f, fragment: body, length: body.length }));
      endpoint.receive(other, '192.0.2.1', 40_000, 'IPv4', pair.now);
      return endpoint.size;
    });
    assert.deepEqual(sizes, [0, 1]);
  });

  test('a cookie is valid for at least one lifetime and at most two', () => {
    for (const [age, good] of [
      [0, true],
      [COOKIE_LIFETIME - 1, true],
      [2 * COOKIE_LIFETIME, false],
    ] as const) {
      const { pair, datagram } = withCookie();
      pair.server.endpoint.receive(datagram, '192.0.2.1', 40_000, 'IPv4', pair.now + age);
      assert.equal(pair.server.endpoint.size, good ? 1 : 0, `after ${age} ms`);
    }
  });

  test('a cookie that expired in transit is replaced by a new one, and the handshake succeeds', () => {
    const pair = new Pair({ clientBehaviour: { handshakeTimeout: 300_000 } });
    let held = false;
    pair.intercept = (data, from) => {
      const [first] = plainFragments(data);
      if (from !== 'client' || first?.messageSeq !== 1 || held) return [data];
      if (pair.now > 2.5 * COOKIE_LIFETIME) held = true;
      return held ? [data] : [];
    };
    pair.explain(() => pair.handshake());
    assert.equal(pair.server.endpoint.counters.cookiesSent, 2);
    assertAlive(pair);
  });

  test('client gives up on a server that requests cookies endlessly', () => {
    const pair = new Pair();
    pair.intercept = (data, from) => {
      const [hello] = plainFragments(data);
      if (from !== 'client' || hello?.type !== client_hello) return [];
      const cookie = Uint8Array.of(hello.messageSeq + 1);
      const fragment = encodeHelloVerifyRequest({ serverVersion: 0xfeff, cookie });
      const { messageSeq } = hello;
      pair.inject(pair.client, fragmentRecord({ type: hello_verify_request, messageSeq, fragment }));
      return [];
    };
    pair.connect();
    pair.runUntil(() => pair.client.isClosed, 5000);
    assert.equal(pair.client.error?.alert, 'handshake_failure');
  });

  test('client answers a cookie of any length from 0 to 255, and a cookie request of either version', () => {
    for (const length of [0, 1, 20, 32, 254, 255]) {
      for (const serverVersion of [0xfeff, 0xfefd]) {
        const pair = new Pair();
        const cookies: Uint8Array[] = [];
        pair.intercept = (data, from) => {
          for (const f of plainFragments(data)) {
            if (from === 'client' && f.messageSeq === 1)
              cookies.push(decodeClientHello(f.fragment)?.cookie.slice() ?? assert.fail());
          }
          return [];
        };
        pair.connect();
        const fragment = encodeHelloVerifyRequest({ serverVersion, cookie: new Uint8Array(length).fill(7) });
        pair.inject(pair.client, fragmentRecord({ type: hello_verify_request, messageSeq: 0, fragment }));
        pair.runFor(100);
        assert.deepEqual(cookies, [new Uint8Array(length).fill(7)]);
      }
    }
  });

  test('a ClientHello in two datagrams is admitted by the cookie in its first one', () => {
    const pair = new Pair();
    pair.intercept = (data, from) => {
      const [hello] = plainFragments(data);
      if (from !== 'client' || hello?.messageSeq !== 1 || hello.type !== client_hello) return [data];
      const { fragment, length } = hello;
      const part = (start: number, end: number) =>
        fragmentRecord({ ...hello, fragment: fragment.slice(start, end), length, fragmentOffset: start });
      return [part(0, 80), part(80, length)];
    };
    pair.handshake();
    assertAlive(pair);
    assert.ok(pair.now < 900);
  });

  test('a request that is cut off or too long is refused with decode_error', () => {
    const whole = encodeHelloVerifyRequest({ serverVersion: 0xfeff, cookie: new Uint8Array(32) });
    assert.ok(decodeHelloVerifyRequest(whole));
    for (const fragment of [
      ...Array.from(whole, (_, i) => whole.slice(0, i)),
      concat(whole, Uint8Array.of(0)),
    ]) {
      if (fragment.length === 0) continue;
      const pair = new Pair().connect();
      pair.inject(pair.client, fragmentRecord({ type: hello_verify_request, messageSeq: 0, fragment }));
      assert.equal(pair.client.error?.alert, 'decode_error');
    }
  });
});

/** A pair whose client has its cookie, and the undelivered ClientHello that carries it, with its datagram. */
function withCookie() {
  const pair = new Pair();
  let datagram: Uint8Array | undefined;
  pair.intercept = (data, from) => {
    if (from !== 'client' || plainFragments(data)[0]?.messageSeq !== 1) return [data];
    datagram ??= data;
    return [];
  };
  pair.connect().runFor(100);
  assert.ok(datagram);
  const hello = decodeClientHello(plainFragments(datagram)[0]?.fragment ?? assert.fail());
  return { pair, datagram, hello: hello ?? assert.fail() };
}

function replaceCookie(datagram: Uint8Array, cookie: Uint8Array): Uint8Array {
  return rewrite(datagram, client_hello, (f) => {
    const hello = decodeClientHello(f.fragment) ?? assert.fail();
    const fragment = encodeClientHello({ ...hello, cookie });
    return { ...f, fragment, length: fragment.length };
  });
}
