import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { RecordReader13, RecordWriter13 } from '#lib/record/protect13.js';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { flipped, plainRecord, recordsOf, unifiedRecord } from '../../support/records.js';
import { assertWholeRecords } from '../../support/whole.js';
import { OpenPair } from './open-pair.js';

const ROLES = ['client', 'server'] as const;
const other = { client: 'server', server: 'client' } as const;
const MAX_PLAINTEXT = 2 ** 14;
/** The ciphertext that the mask of record numbers is made from. */
const SAMPLE = 16;

suite('records of DTLS 1.3', () => {
  for (const mtu of [256, 1200, 9000]) {
    test(`every datagram consists of whole records and has at most ${mtu} bytes`, () => {
      const pair = new OpenPair({ clientBehaviour: { mtu }, serverBehaviour: { mtu } }).handshake();
      for (const side of [pair.client, pair.server]) {
        pair.send(side, new Uint8Array(side.entry.connection.maxMessageSize));
      }
      pair.runFor(100);
      assert.equal(pair.client.messages.length + pair.server.messages.length, 2);
      assertWholeRecords(pair.datagrams, mtu);
    });
  }

  test('a message has at most 2^14 bytes however large datagrams may be', () => {
    const pair = new OpenPair({ clientBehaviour: { mtu: 65_535 } }).handshake();
    const { connection } = pair.client.entry;
    assert.equal(connection.maxMessageSize, MAX_PLAINTEXT);
    assert.throws(() => connection.send(new Uint8Array(MAX_PLAINTEXT + 1)), { code: 'ERR_OUT_OF_RANGE' });
    pair.send(pair.client, new Uint8Array(MAX_PLAINTEXT));
    pair.runFor(100);
    assert.equal(pair.server.messages[0]?.length, MAX_PLAINTEXT);
  });

  test('every epoch begins with record number 0', () => {
    const pair = new OpenPair().handshake();
    assertAlive(pair);
    pair.client.entry.connection.updateKeys({ requestPeer: true }, pair.now);
    pair.client.endpoint.touch(pair.client.entry);
    pair.runFor(1000);
    assertAlive(pair);
    for (const role of ROLES) {
      const firsts = new Map<number, number>();
      for (const { epoch, sequence } of pair.records(role)) {
        if (!firsts.has(epoch)) firsts.set(epoch, sequence);
      }
      for (const epoch of [2, 3, 4]) assert.equal(firsts.get(epoch), 0, `${role}, epoch ${epoch}`);
    }
  });

  test('no record is too short for a record number mask, not even an empty one', () => {
    const pair = new OpenPair().handshake();
    for (const side of [pair.client, pair.server]) pair.send(side, new Uint8Array(0));
    pair.runFor(100);
    assert.deepEqual([pair.client.messages.length, pair.server.messages.length], [1, 1]);
    const sealed = pair.datagrams.flatMap(({ data }) => recordsOf(data)).filter(({ type }) => type === 0);
    assert.ok(sealed.length > 4);
    for (const { body } of sealed) assert.ok(body.length >= SAMPLE);
  });

  test('every record has a length field', () => {
    const pair = new OpenPair().handshake();
    assertAlive(pair);
    for (const { data } of pair.datagrams) {
      for (const { type, whole } of recordsOf(data)) {
        if (type === 0) assert.equal((whole[0] as number) & 0x04, 0x04);
      }
    }
  });

  for (const role of ROLES) {
    test(`${role} does not answer a record that is not authentic, and the session goes on`, () => {
      const pair = new OpenPair().handshake();
      pair.runFor(1000);
      const side = pair[role];
      const genuine = pair.seal(other[role], 3, ContentType.application_data, utf8('genuine'));
      const before = pair.datagrams.length;
      for (let at = 5; at < genuine.length; at++) pair.inject(side, flipped(genuine, at));
      pair.runFor(5000);
      assert.equal(pair.datagrams.length, before);
      assert.equal(side.dropped['bad_record'], genuine.length - 5);
      pair.inject(side, genuine);
      assert.deepEqual(side.messages, [utf8('genuine')]);
    });

    test(`${role} silently discards records that are malformed, cut short or have a connection ID`, () => {
      const pair = new OpenPair().handshake();
      pair.runFor(1000);
      const before = pair.datagrams.length;
      const genuine = pair.seal(other[role], 3, ContentType.application_data, utf8('genuine'));
      const withCid = Uint8Array.of((genuine[0] as number) | 0x10, ...genuine.subarray(1));
      const strange = [
        new Uint8Array(100).fill(0x40),
        new Uint8Array(100).fill(0xff),
        withCid,
        ...Array.from(genuine.keys(), (length) => genuine.subarray(0, length)),
        plainRecord(ContentType.application_data, utf8('plain')),
        plainRecord(ContentType.change_cipher_spec, Uint8Array.of(1)),
      ];
      for (const datagram of strange) pair.inject(pair[role], datagram);
      pair.runFor(5000);
      assert.equal(pair.datagrams.length, before);
      assert.deepEqual(pair[role].messages, []);
      assertAlive(pair);
    });

    test(`${role} ends the session with the right alert for a faulty authentic record`, () => {
      const cases = [
        [ContentType.application_data, new Uint8Array(MAX_PLAINTEXT + 1), 'record_overflow'],
        [ContentType.change_cipher_spec, Uint8Array.of(1), 'unexpected_message'],
        [0, new Uint8Array(20), 'unexpected_message'],
        [99, Uint8Array.of(1), 'unexpected_message'],
        [ContentType.handshake, new Uint8Array(0), 'unexpected_message'],
        [ContentType.handshake, Uint8Array.of(4, 0, 0), 'decode_error'],
        [ContentType.alert, Uint8Array.of(2), 'decode_error'],
        [ContentType.ack, Uint8Array.of(0), 'decode_error'],
      ] as const;
      for (const [type, content, alert] of cases) {
        const pair = new OpenPair().handshake();
        pair.runFor(1000);
        pair.inject(pair[role], pair.seal(other[role], 3, type, content));
        assert.deepEqual(pair[role].alerts('sent'), [`fatal ${alert}`], `type ${type}`);
        assert.ok(pair[role].isClosed);
      }
    });

    test(`${role} ends the session with a fatal bad_record_mac after too many forgeries`, (t) => {
      const pair = new OpenPair().handshake();
      const side = pair[role];
      t.mock.method(RecordReader13.prototype, 'open', () => 'forgery_limit');
      pair.inject(side, unifiedRecord(3, 1, new Uint8Array(40)));
      t.mock.reset();
      pair.runFor(100);
      assert.deepEqual(side.alerts('sent'), ['fatal bad_record_mac']);
      assert.deepEqual(pair[other[role]].alerts('received'), ['fatal bad_record_mac']);
    });

    test(`${role} ends a session whose key is used up instead of reusing a record number`, (t) => {
      const pair = new OpenPair().handshake();
      pair.runFor(1000);
      const side = pair[role];
      const before = pair.datagrams.length;
      t.mock.getter(RecordWriter13.prototype, 'state', () => 'exhausted');
      assert.equal(side.entry.connection.send(utf8('one too many')), false);
      side.endpoint.touch(side.entry);
      pair.runFor(5000);
      assert.equal(side.error?.code, 'ERR_DTLS_KEY_LIMIT');
      assert.equal(pair.datagrams.length, before);
    });
  }

  test('no datagram has records of two associations with one address', () => {
    const pair = new OpenPair().handshake();
    pair.runFor(1000);
    const old = pair.server.entry;
    pair.restartClient().connect();
    assert.ok(pair.runUntil(() => pair.server.entry !== old, 5000));
    const before = pair.datagrams.length;
    // While the new one shakes hands the old one has much to say.
    for (let count = 0; count < 20; count++) {
      old.connection.send(utf8('old'));
      pair.server.endpoint.touch(old);
      pair.server.endpoint.touch(pair.server.entry);
      pair.runFor(1);
    }
    pair.runFor(1000);
    const mixed = pair.datagrams.slice(before).filter(({ from, data }) => {
      if (from === 'client') return false;
      const bits = recordsOf(data).map(({ type, epoch }) => (type === 0 ? epoch & 3 : 0));
      return bits.length > 1 && bits.includes(3);
    });
    assert.ok(pair.client.isConnected);
    assert.deepEqual(mixed, []);
  });
});
