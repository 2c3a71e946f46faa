import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import { HandshakeType, handshakeTypeName } from '#lib/wire/codes.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { flipped, plainFragments, rewrite } from '../../support/records.js';

/** Every message in one fragment. */
const WIDE = {
  clientBehaviour: { mtu: 8000, handshakeTimeout: 5000 },
  serverBehaviour: { mtu: 8000, handshakeTimeout: 5000 },
};
const MUTUAL: PairOptions = { ...WIDE, client: CLIENTS.ed25519, server: { requestCert: true } };

suite('signatures of the handshake, DTLSv1.2', () => {
  for (const [name, identity] of Object.entries(SERVERS)) {
    test(`client refuses the server's ${name} signature whichever byte of it is wrong`, () => {
      // The curve of a certificate has to be among the client's groups too (RFC 8422 §5.1).
      const options = { ...WIDE, server: identity, client: { groups: 'x25519:P-256' } };
      eachByte(options, 'server', HandshakeType.server_key_exchange, signatureOfKeyExchange, (pair) => {
        assert.deepEqual(pair.client.alerts('sent'), ['fatal decrypt_error']);
        assert.equal(pair.client.error?.code, 'ERR_DTLS_BAD_SIGNATURE');
      });
    });
  }

  for (const [name, identity] of Object.entries(CLIENTS)) {
    test(`server refuses the client's ${name} signature whichever byte of it is wrong`, () => {
      const options = { ...MUTUAL, client: identity };
      eachByte(
        options,
        'client',
        HandshakeType.certificate_verify,
        (body) => [4, body.length],
        (pair) => {
          assert.deepEqual(pair.server.alerts('sent'), ['fatal decrypt_error']);
          assert.equal(pair.server.error?.code, 'ERR_DTLS_BAD_SIGNATURE');
        },
      );
    });
  }
});

/** Every plaintext message of a handshake with client certificates. */
const MESSAGES: readonly [Role, number][] = [
  ['client', HandshakeType.client_hello],
  ['server', HandshakeType.server_hello],
  ['server', HandshakeType.certificate],
  ['server', HandshakeType.server_key_exchange],
  ['server', HandshakeType.certificate_request],
  ['client', HandshakeType.certificate],
  ['client', HandshakeType.client_key_exchange],
  ['client', HandshakeType.certificate_verify],
];

suite('a changed handshake, DTLSv1.2', () => {
  for (const [sender, type] of MESSAGES) {
    test(`neither side connects when a byte of the ${sender}'s ${handshakeTypeName(type)} was changed`, () => {
      eachByte(MUTUAL, sender, type, (body) => [0, body.length], assertRefused);
    });

    test(`neither side connects when the ${sender}'s ${handshakeTypeName(type)} was cut short or made longer`, () => {
      const length = bodyOf(MUTUAL, sender, type).length;
      for (let to = 0; to <= length + 3; to++) {
        if (to === length) continue;
        const change = (body: Uint8Array) => {
          const resized = new Uint8Array(to);
          resized.set(body.subarray(0, to));
          return resized;
        };
        const pair = tampered(MUTUAL, sender, type, change);
        pair.explain(() => assertRefused(pair));
      }
    });
  }
});

function assertRefused(pair: Pair): void {
  assert.deepEqual([pair.client.sessions.length, pair.server.sessions.length], [0, 0]);
  assert.ok(pair.client.error !== undefined);
  for (const side of [pair.client, pair.server]) assert.notEqual(side.error?.code, 'ERR_DTLS_INTERNAL');
}

/** From where to where the signature stands, behind curve, point and scheme. */
function signatureOfKeyExchange(body: Uint8Array): [number, number] {
  return [4 + (body[3] as number) + 4, body.length];
}

function eachByte(
  options: PairOptions,
  sender: Role,
  type: number,
  range: (body: Uint8Array) => readonly [number, number],
  check: (pair: Pair) => void,
): void {
  const [from, to] = range(bodyOf(options, sender, type));
  assert.ok(to > from);
  for (let at = from; at < to; at++) {
    // The range is asked for each body, as ECDSA signatures differ in length.
    const change = (body: Uint8Array) => flipped(body, Math.min(at, body.length - 1));
    const pair = tampered(options, sender, type, change);
    pair.explain(() => check(pair));
  }
}

/** The unchanged body of a message. */
function bodyOf(options: PairOptions, sender: Role, type: number): Uint8Array {
  let found: Uint8Array | undefined;
  const pair = new Pair(options);
  pair.intercept = (data, from) => {
    if (from === sender)
      for (const f of plainFragments(data)) if (answersCookie(f)) found = f.fragment.slice();
    return [data];
  };
  const answersCookie = (f: { type: number; messageSeq: number }) =>
    f.type === type && (type !== HandshakeType.client_hello || f.messageSeq === 1);
  pair.handshake();
  return found ?? assert.fail('no such message');
}

/** A handshake in which every transmission of a message is changed, run to its end. */
function tampered(
  options: PairOptions,
  sender: Role,
  type: number,
  change: (body: Uint8Array) => Uint8Array,
): Pair {
  const pair = new Pair(options);
  pair.intercept = (data, from) => {
    // The ClientHello without a cookie is not part of what both sides prove to have seen.
    const first = plainFragments(data)[0];
    if (from !== sender || (first?.type === HandshakeType.client_hello && first.messageSeq === 0))
      return [data];
    return [
      rewrite(data, type, (f) => ({ ...f, fragment: change(f.fragment), length: change(f.fragment).length })),
    ];
  };
  pair.connect();
  pair.runFor(20_000);
  return pair;
}
