import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { ContentType, ExtensionType } from '#lib/wire/codes.js';
import { decodeClientHello, encodeClientHello } from '#lib/wire/messages/client-hello.js';
import {
  decodeRoutability,
  encodeRoutability,
  RoutabilityType,
} from '#lib/wire/messages/return-routability.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { fragmentRecord, plainFragments, plainRecord } from '../../support/records.js';

const { path_challenge, path_response, path_drop } = RoutabilityType;
const COOKIE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const RRC = ContentType.return_routability_check;

type Policy = 'never' | 'basic' | 'enhanced';

function open(returnRoutability: Policy = 'basic'): Pair {
  const both = { connectionId: 8, returnRoutability };
  const client = { ciphers: 'TLS_AES_128_GCM_SHA256' };
  return new Pair({ version: 'DTLSv1.3', client, clientBehaviour: both, serverBehaviour: both }).handshake();
}

/** A record of `sender` with this check. */
function check(pair: Pair, sender: Role, content: Uint8Array, sequence = 500): Uint8Array {
  const receiver = sender === 'client' ? pair.server : pair.client;
  return new Insider13(pair).seal(sender, 3, RRC, content, sequence, pair.idsOf(receiver).receive);
}

suite('return routability checks', () => {
  test('messages are read as they are written, and others of a wrong length are not', () => {
    for (const type of [path_challenge, path_response, path_drop]) {
      const message = { type, cookie: COOKIE };
      assert.deepEqual(decodeRoutability(encodeRoutability(message)), message);
      assert.equal(decodeRoutability(Uint8Array.of(type, 1, 2)), undefined);
      assert.equal(decodeRoutability(Uint8Array.of(type, ...COOKIE, 9)), undefined);
    }
    assert.equal(decodeRoutability(Uint8Array.of()), undefined);
    assert.equal(decodeRoutability(Uint8Array.of(77))?.type, 77);
  });

  for (const role of ['client', 'server'] as const) {
    const peer: Role = role === 'client' ? 'server' : 'client';

    test(`${role}: a challenge is answered at once, once, and where it came from`, () => {
      const pair = open();
      const record = check(pair, peer, encodeRoutability({ type: path_challenge, cookie: COOKIE }));
      const elsewhere = { address: '203.0.113.9', family: 'IPv4', port: 9 } as const;
      pair.inject(pair[role], record, elsewhere);
      // A peer is where it asks from, which is checked in turn.
      assert.deepEqual(pair[role].entry.peer, elsewhere);
      const types = answersTo(pair, role);
      assert.deepEqual(types, [path_challenge, path_response]);
      assert.ok(pair.strays.every(({ to }) => to.address === elsewhere.address));
      pair.inject(pair[role], record, elsewhere);
      assert.equal(answersTo(pair, role).length, 2);
      assert.deepEqual(pair[role].dropped, { replayed: 1 });
    });

    test(`${role}: a late challenge is answered, and moves nothing`, () => {
      const pair = open();
      const cookie = { type: path_challenge, cookie: COOKIE };
      pair.inject(pair[role], check(pair, peer, encodeRoutability(cookie), 501));
      const late = check(pair, peer, encodeRoutability(cookie), 500);
      const elsewhere = { address: '203.0.113.9', family: 'IPv4', port: 9 } as const;
      pair.inject(pair[role], late, elsewhere);
      assert.deepEqual(answersTo(pair, role), [path_response]);
      assert.deepEqual(pair[role].entry.peer, pair[peer].address);
    });

    test(`${role}: what is unknown, malformed or was not asked for is counted, and the session goes on`, () => {
      const pair = open();
      const contents = [
        Uint8Array.of(200, 1),
        Uint8Array.of(path_challenge, 1),
        Uint8Array.of(),
        encodeRoutability({ type: path_response, cookie: COOKIE }),
        encodeRoutability({ type: path_drop, cookie: COOKIE }),
      ];
      for (const [i, content] of contents.entries())
        pair.inject(pair[role], check(pair, peer, content, 500 + i));
      assert.deepEqual(pair[role].dropped, {
        unknown_path_message: 1,
        malformed_path_message: 2,
        unasked_path_message: 2,
      });
      assert.equal(pair[role].isConnected, true);
    });

    test(`${role}: a check that was not agreed on is refused`, () => {
      const pair = open('never');
      pair.inject(pair[role], check(pair, peer, encodeRoutability({ type: path_challenge, cookie: COOKIE })));
      assert.deepEqual(pair[role].alerts('sent'), ['fatal unexpected_message']);
    });

    test(`${role}: a check in plaintext is discarded`, () => {
      const pair = open();
      pair.inject(pair[role], plainRecord(RRC, encodeRoutability({ type: path_challenge, cookie: COOKIE })));
      assert.deepEqual(pair[role].dropped, { unexpected_type: 1 });
      assertAlive(pair);
    });
  }

  test('each challenge has a cookie of its own', () => {
    const pair = open();
    const seen = challenges(pair, 'client');
    for (let move = 0; move < 3; move++) {
      pair.rebind(pair.client);
      pair.send(pair.client, utf8('moved'));
      pair.runFor(1000);
    }
    assert.equal(seen.length, 3);
    assert.equal(new Set(seen.map((cookie) => Buffer.from(cookie).toString('hex'))).size, 3);
  });

  test('a path_drop on the former path sends the challenge to the new one', () => {
    const pair = open('enhanced');
    const home = pair.client.address;
    const seen = challenges(pair, 'client');
    // The former path is alive, and the client has left it on purpose.
    pair.rebind(pair.client, true);
    pair.intercept = (data, from) => (from === 'client' && seen.length > 0 ? [] : [data]);
    pair.send(pair.client, utf8('moved'));
    pair.runUntil(() => seen.length === 1, 1000);
    const [cookie] = seen;
    assert.ok(cookie);
    pair.inject(pair.server, check(pair, 'client', encodeRoutability({ type: path_drop, cookie }), 20), home);
    pair.intercept = undefined;
    pair.runFor(1000);
    assert.equal(seen.length, 2);
    assert.deepEqual(pair.server.entry.peer, pair.client.address);
    assert.equal(pair.server.entry.connection.path.validated, true);
  });

  test('a server answers no offer of checks without one of connection IDs', () => {
    const pair = new Pair({ version: 'DTLSv1.2', serverBehaviour: { connectionId: 8 } });
    pair.intercept = (data, from) => {
      const [hello] = from === 'client' && data[13] === 1 ? plainFragments(data) : [];
      const read = hello && decodeClientHello(hello.fragment);
      if (hello === undefined || read === undefined) return [data];
      const extensions = new Map(read.extensions);
      assert.ok(extensions.delete(ExtensionType.connection_id));
      const fragment = encodeClientHello({ ...read, extensions });
      return [
        fragmentRecord({ type: 1, messageSeq: hello.messageSeq, fragment }, { sequence: hello.messageSeq }),
      ];
    };
    pair.connect();
    // A ServerHello with the extension, which was offered, would end the handshake with illegal_parameter.
    pair.runUntil(() => pair.client.isClosed, 10_000);
    assert.deepEqual(pair.server.alerts('received'), []);
    assert.doesNotMatch(pair.client.error?.message ?? '', /without connection IDs/);
  });
});

/** The types of the checks that `role` has sent to addresses where nobody is. */
function answersTo(pair: Pair, role: Role): number[] {
  const insider = new Insider13(pair);
  return pair.strays.flatMap(({ data }) =>
    insider.open(role, data, 3, 8).flatMap(({ type, content }) => (type === RRC ? [content[0] ?? -1] : [])),
  );
}

/** The cookies of the challenges that the other side sends to `to`. */
function challenges(pair: Pair, to: Role): Uint8Array[] {
  const seen: Uint8Array[] = [];
  const from: Role = to === 'client' ? 'server' : 'client';
  const insider = new Insider13(pair);
  pair.onDelivery = ({ data, from: sender }) => {
    if (sender !== from) return;
    for (const { type, content } of insider.open(from, data, 3, 8))
      if (type === RRC && content[0] === path_challenge) seen.push(content.slice(1));
  };
  return seen;
}
