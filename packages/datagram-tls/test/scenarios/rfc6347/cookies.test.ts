import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandshakeType, WireVersion } from '#lib/wire/codes.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import {
  decodeHelloVerifyRequest,
  encodeHelloVerifyRequest,
} from '#lib/wire/messages/hello-verify-request.js';
import { Pair } from '../../support/pair.js';
import { fragmentRecord, plainFragments, recordsOf, rewrite } from '../../support/records.js';
import { Log } from './log.js';

const version = 'DTLSv1.2';
const { client_hello, hello_verify_request, server_hello } = HandshakeType;

suite('the cookie exchange of DTLS 1.2', () => {
  for (const [name, serverVersion] of [
    ['1.0', WireVersion.dtls10],
    ['1.2', WireVersion.dtls12],
    ['of the far future', 0xfe00],
  ] as const) {
    test(`client ignores the version ${name} of a HelloVerifyRequest`, () => {
      const pair = new Pair({ version });
      let seen = 0;
      pair.intercept = (data, from) => {
        if (from === 'client') return [data];
        return [
          rewrite(data, hello_verify_request, (fragment) => {
            seen++;
            const request = decodeHelloVerifyRequest(fragment.fragment) ?? assert.fail();
            const { type, messageSeq } = fragment;
            return { type, messageSeq, fragment: encodeHelloVerifyRequest({ ...request, serverVersion }) };
          }),
        ];
      };
      pair.handshake();
      assert.equal(seen, 1);
      assert.equal(pair.client.sessions[0]?.version, 'DTLSv1.2');
    });
  }

  test('client answers each further HelloVerifyRequest with a ClientHello that has its cookie', () => {
    const pair = new Pair({ version });
    const log = new Log(pair);
    pair.connect();
    // The first request carries a guessed cookie: the server treats it as a request without one.
    const cookie = new Uint8Array(20).fill(0xaa);
    const body = encodeHelloVerifyRequest({ serverVersion: WireVersion.dtls10, cookie });
    pair.inject(pair.client, fragmentRecord({ type: hello_verify_request, messageSeq: 0, fragment: body }));
    let withheld = 0;
    pair.intercept = (data, from) => {
      const late = from === 'server' && plainFragments(data).some(({ messageSeq }) => messageSeq === 0);
      if (late) withheld++;
      return late ? [] : [data];
    };
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 5000));
    const hellos = log.bodies('client', client_hello).map((hello) => decodeClientHello(hello)?.cookie);
    const requests = log
      .bodies('server', hello_verify_request)
      .map((r) => decodeHelloVerifyRequest(r)?.cookie);
    assert.equal(withheld, 1);
    assert.deepEqual(hellos, [new Uint8Array(0), cookie, requests[1]]);
  });

  test('client takes a HelloVerifyRequest with number 0 after its second ClientHello as a late answer to its first', () => {
    const pair = new Pair({ version });
    const log = new Log(pair);
    pair.connect();
    assert.ok(pair.runUntil(() => log.bodies('client', client_hello).length === 2, 900));
    const cookie = new Uint8Array(20).fill(0xaa);
    const body = encodeHelloVerifyRequest({ serverVersion: WireVersion.dtls10, cookie });
    const before = pair.client.dropped['repeated_message'] ?? 0;
    pair.inject(pair.client, fragmentRecord({ type: hello_verify_request, messageSeq: 0, fragment: body }));
    assert.equal(pair.client.dropped['repeated_message'], before + 1);
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 900));
    const cookies = log.bodies('client', client_hello).map((hello) => decodeClientHello(hello)?.cookie);
    assert.ok(cookies.length >= 2 && cookies.every((sent) => sent !== undefined && sent[0] !== 0xaa));
  });

  test('client does the cookie exchange in every handshake', () => {
    const pair = new Pair({ version });
    for (let round = 1; round <= 3; round++) {
      pair.handshake();
      assert.equal(pair.server.endpoint.counters.cookiesSent, round);
      pair.close(pair.client);
      pair.runFor(2000);
    }
    assert.equal(pair.client.sessions.length, 3);
  });

  test('server numbers its records consecutively after the first', () => {
    const pair = new Pair({ version });
    const log = new Log(pair);
    // The client's answer is lost, so that the server sends its flight again.
    pair.intercept = (data, from) =>
      from === 'client' && pair.now < 800 && recordsOf(data).some(({ epoch }) => epoch === 1) ? [] : [data];
    pair.handshake();
    const flight = log
      .of('server')
      .filter((data) => plainFragments(data).every(({ type }) => type !== hello_verify_request));
    assert.ok(flight.flatMap(plainFragments).filter(({ type }) => type === server_hello).length > 1);
    const numbers = flight
      .flatMap(recordsOf)
      .filter(({ epoch }) => epoch === 0)
      .map(({ sequence }) => sequence);
    const [first = 0] = numbers;
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => first + index),
    );
  });
});
