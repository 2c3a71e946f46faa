import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { EMPTY, utf8 } from '#lib/base/bytes.js';
import type { ClientPskOption, ServerPskOption } from '#lib/config/psk-options.js';
import { DEFAULT_PSK_SUITES, needsPsk, SUITES } from '#lib/crypto/suites.js';
import { ContentType, ExtensionType, HandshakeType } from '#lib/wire/codes.js';
import { decodeServerHello, encodeServerHello } from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { CA } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainRecord, rewrite } from '../../support/records.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const OTHER_KEY = new Uint8Array(16).fill(7);
const NO_CERTIFICATE = { cert: undefined, key: undefined };
const VERSION = 'DTLSv1.2';

interface Keys {
  readonly client?: ClientPskOption;
  readonly server?: ServerPskOption;
  readonly ciphers?: string;
  readonly hint?: string | Uint8Array;
}

function options({ client, server, ciphers, hint }: Keys = {}): PairOptions {
  const suites = ciphers === undefined ? {} : { ciphers };
  return {
    version: VERSION,
    client: { psk: client ?? { identity: 'client', key: KEY }, ...suites },
    server: {
      ...NO_CERTIFICATE,
      psk: server ?? { client: KEY },
      ...suites,
      ...(hint === undefined ? {} : { pskIdentityHint: hint }),
    },
  };
}

/** Runs until both sides have failed, and returns the codes of their errors. */
function failure(keys: Keys): readonly (string | undefined)[] {
  const pair = new Pair(options(keys)).connect();
  pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 300_000);
  return [pair.client.error?.code, pair.server.error?.code];
}

/** OpenSSL and GnuTLS promise one beside keys, too. */
function withTicket(data: Uint8Array): Uint8Array {
  return rewrite(data, HandshakeType.server_hello, ({ type, messageSeq, fragment }) => {
    const hello = decodeServerHello(fragment) ?? assert.fail();
    const extensions = new Map([...hello.extensions, [ExtensionType.session_ticket, EMPTY] as const]);
    return { type, messageSeq, fragment: encodeServerHello({ ...hello, extensions }) };
  });
}

suite('DTLS 1.2 with a pre-shared key', () => {
  for (const { name, keyExchange } of SUITES.filter(needsPsk)) {
    test(`${name} carries messages both ways`, () => {
      const pair = new Pair(options({ ciphers: name })).handshake();
      assertAlive(pair);
      for (const side of [pair.client, pair.server]) {
        const [session] = side.sessions;
        assert.equal(session?.suite.name, name);
        assert.equal(session.group, keyExchange === 'psk' ? undefined : 'x25519');
        assert.equal(session.signatureScheme, undefined);
        assert.ok(session.extendedMasterSecret);
        assert.ok(session.peer.authorized);
        assert.deepEqual(session.peer.pskIdentity, utf8('client'));
      }
    });
  }

  test('both sides prefer forward secrecy, and no short tag, by default', () => {
    const pair = new Pair(options()).handshake();
    assert.equal(pair.client.sessions[0]?.suite.name, 'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256');
    assert.ok(DEFAULT_PSK_SUITES.every(({ tagLength }) => tagLength === 16));
  });

  test('without a hint there is no ServerKeyExchange; with one the client gets it', () => {
    const hints: unknown[] = [];
    const client = (hint: string | undefined) => {
      hints.push(hint);
      return { identity: 'client', key: KEY };
    };
    const ciphers = 'PSK-AES128-GCM-SHA256';
    const plain = new Pair(options({ client, ciphers })).handshake();
    assert.deepEqual(plain.server.flights('sent')[0], ['server_hello', 'server_hello_done']);
    const hinted = new Pair(options({ client, ciphers, hint: 'who is it' })).handshake();
    assert.deepEqual(hinted.server.flights('sent')[0], [
      'server_hello',
      'server_key_exchange',
      'server_hello_done',
    ]);
    new Pair(options({ client, hint: 'who is it' })).handshake();
    assert.deepEqual(hints, [undefined, 'who is it', 'who is it']);
  });

  test('an identity may be bytes that are not text, found in a map or by a function', () => {
    const identity = Uint8Array.of(0xff, 0x00, 0xfe);
    const client = { identity, key: KEY };
    new Pair(options({ client, server: new Map([[identity, KEY]]) })).handshake();
    const asked: unknown[] = [];
    const server = (text: string, bytes: Uint8Array) => {
      asked.push(text, bytes);
      return KEY;
    };
    const pair = new Pair(options({ client, server })).handshake();
    assert.deepEqual(asked, ['\ufffd\0\ufffd', identity]);
    assert.deepEqual(pair.server.sessions[0]?.peer.pskIdentity, identity);
  });

  test('the first of several credentials is used', () => {
    const client = [
      { identity: 'second', key: OTHER_KEY },
      { identity: 'client', key: KEY },
    ];
    const server = { client: KEY, second: OTHER_KEY };
    const pair = new Pair(options({ client, server })).handshake();
    assert.deepEqual(pair.server.sessions[0]?.peer.pskIdentity, utf8('second'));
  });

  test('a server with a certificate and keys accepts both kinds of client', () => {
    const server = { psk: { client: KEY } };
    const keyed = new Pair({
      version: VERSION,
      client: { psk: { identity: 'client', key: KEY } },
      server,
    }).handshake();
    assert.equal(keyed.client.sessions[0]?.suite.keyExchange, 'ecdhe_psk');
    const certified = new Pair({ client: { ca: CA }, server }).handshake();
    assert.equal(certified.client.sessions[0]?.suite.keyExchange, 'ecdhe_ecdsa');
  });

  test('DTLS 1.2 with a pre-shared key succeeds on a lossy path', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const weather = { loss: 0.2, duplication: 0.1, jitter: 100 };
      const pair = new Pair({ ...options(), seed, weather });
      pair.explain(() => pair.handshake());
    }
  });
});

suite('DTLS 1.2 with the wrong pre-shared key', () => {
  for (const ciphers of ['PSK-AES128-GCM-SHA256', 'ECDHE-PSK-CHACHA20-POLY1305']) {
    test(`${ciphers}: an unknown identity is refused by name`, () => {
      const client = { identity: 'unknown', key: KEY };
      const [ours, theirs] = failure({ client, ciphers });
      assert.deepEqual([ours, theirs], ['ERR_DTLS_PEER_ALERT', 'ERR_DTLS_UNKNOWN_PSK_IDENTITY']);
    });

    test(`${ciphers}: another key ends the handshake long before its time is up, and both say why`, () => {
      const pair = new Pair(options({ client: { identity: 'client', key: OTHER_KEY }, ciphers })).connect();
      pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 300_000);
      assert.ok(pair.now < 15_000, `it took ${pair.now} ms`);
      assert.equal(pair.server.error?.code, 'ERR_DTLS_PSK_MISMATCH');
      assert.equal(pair.server.error.alert, 'decrypt_error');
      assert.match(String(pair.client.error?.message), /decrypt_error .*It may have another pre-shared key/);
    });
  }

  for (const [what, promised] of [
    ['a client that sent its Finished', false],
    ['a client that was promised a ticket', true],
  ] as const) {
    test(`${what} and receives nothing more names the key as the likely reason`, () => {
      const pair = new Pair(options());
      pair.intercept = (data, from) => [from === 'server' && promised ? withTicket(data) : data];
      pair.connect().runUntil(() => pair.client.flights('sent').length === 3, 10_000);
      pair.intercept = () => [];
      pair.runUntil(() => pair.client.isClosed, 300_000);
      assert.equal(pair.client.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
      assert.match(pair.client.error.message, /another pre-shared key/);
    });
  }

  test('a damaged Finished and forged ones are ignored when a valid one comes', () => {
    const pair = new Pair(options()).connect();
    let spoiled = 0;
    pair.intercept = (data, from) => {
      if (from === 'server' || spoiled > 0 || !pair.server.flights('sent').length) return [data];
      // The datagram that ends in the Finished: three forgeries take its place.
      if (pair.client.flights('sent').length < 3) return [data];
      spoiled = 3;
      return [1, 2, 3].map((n) => {
        const forged = Uint8Array.from(data);
        forged[forged.length - n] = (forged.at(-n) ?? 0) ^ 0xff;
        return forged;
      });
    };
    pair.explain(() => {
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 60_000);
      assert.equal(spoiled, 3);
      assertAlive(pair);
    });
  });

  test('two forged records and a lost flight together do not end a handshake', () => {
    const pair = new Pair(options()).connect();
    pair.explain(() => {
      pair.runUntil(() => pair.client.flights('sent').length === 3, 10_000);
      for (const sequence of [1, 2]) {
        const forged = protectedRecord(sequence);
        pair.inject(pair.client, forged);
      }
      assert.equal(pair.client.dropped['bad_record'], 2);
      // The Finished, and what would ask for it again before the client's own timer does.
      pair.intercept = () => [];
      pair.runFor(1200);
      assert.equal(pair.client.phase, 'handshaking');
      pair.intercept = undefined;
      pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 60_000);
      assertAlive(pair);
    });
  });

  test('a client without a key for that server reports it', () => {
    const [ours, theirs] = failure({ client: () => undefined });
    assert.deepEqual([ours, theirs], ['ERR_DTLS_NO_PSK', 'ERR_DTLS_PEER_ALERT']);
  });

  test('a psk function that throws or returns an invalid key ends only its handshake', () => {
    const broken = () => {
      throw new Error('the database is away');
    };
    assert.deepEqual(failure({ server: broken }), ['ERR_DTLS_PEER_ALERT', 'ERR_DTLS_CALLBACK']);
    assert.deepEqual(failure({ client: broken }), ['ERR_DTLS_CALLBACK', 'ERR_DTLS_PEER_ALERT']);
    assert.deepEqual(failure({ server: () => 'secret' as never }), [
      'ERR_DTLS_PEER_ALERT',
      'ERR_DTLS_CALLBACK',
    ]);
  });

  test('PSK suites are neither offered nor chosen without a key', () => {
    assert.throws(() => new Pair({ client: { ciphers: 'PSK-AES128-GCM-SHA256' } }).connect(), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.ciphers/,
    });
    const pair = new Pair({ client: { psk: { identity: 'client', key: KEY } } }).connect();
    pair.runUntil(() => pair.server.isClosed, 10_000);
    assert.equal(pair.server.error?.code, 'ERR_DTLS_NO_SHARED_CIPHER');
  });
});

/** A record of epoch 1 that no key opens. */
function protectedRecord(sequence: number): Uint8Array {
  return plainRecord(ContentType.handshake, new Uint8Array(40).fill(0x5a), { epoch: 1, sequence });
}
