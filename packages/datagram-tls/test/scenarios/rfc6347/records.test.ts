import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { RecordReader12, RecordWriter12 } from '#lib/record/protect12.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { CLIENTS } from '../../support/identities.js';
import { Insider12 } from '../../support/insider12.js';
import { Pair } from '../../support/pair.js';
import { encodeFragment, flipped, plainRecord } from '../../support/records.js';
import { assertWholeRecords } from '../../support/whole.js';
import { Log, outline } from './log.js';

const version = 'DTLSv1.2';
const ROLES = ['client', 'server'] as const;
const MAX_PLAINTEXT = 2 ** 14;

suite('records of DTLS 1.2', () => {
  for (const mtu of [256, 1200, 9000]) {
    test(`every datagram consists of whole records and has at most ${mtu} bytes`, () => {
      const pair = new Pair({ version, clientBehaviour: { mtu }, serverBehaviour: { mtu } });
      const log = new Log(pair);
      pair.handshake();
      for (const side of [pair.client, pair.server]) {
        pair.send(side, new Uint8Array(side.entry.connection.maxMessageSize));
      }
      pair.runFor(100);
      assert.equal(pair.client.messages.length + pair.server.messages.length, 2);
      assert.ok(log.datagrams.length >= 8);
      assertWholeRecords(log.datagrams, mtu);
    });
  }

  test('a message has at most 2^14 bytes however large datagrams may be', () => {
    const pair = new Pair({ version, clientBehaviour: { mtu: 65_535 } }).handshake();
    const { connection } = pair.client.entry;
    assert.equal(connection.maxMessageSize, MAX_PLAINTEXT);
    assert.throws(() => connection.send(new Uint8Array(MAX_PLAINTEXT + 1)), { code: 'ERR_OUT_OF_RANGE' });
    pair.send(pair.client, new Uint8Array(MAX_PLAINTEXT));
    pair.runFor(100);
    assert.equal(pair.server.messages[0]?.length, MAX_PLAINTEXT);
  });

  // Chromium discards a number that it has seen as a replay, also in epoch 0.
  test("server's alert about a client's certificate has a record number that no other record has", () => {
    const server = { requestCert: true, verifyPeer: () => false };
    const pair = new Pair({ version, client: CLIENTS.ed25519, server });
    const log = new Log(pair);
    pair.connect();
    assert.ok(pair.runUntil(() => pair.client.isClosed && pair.server.isClosed, 10_000));
    const records = log.records('server');
    assert.equal(records.at(-1)?.type, ContentType.alert);
    const numbers = records.map(({ epoch, sequence }) => `${epoch}/${sequence}`);
    assert.deepEqual(numbers, [...new Set(numbers)]);
  });

  for (const role of ROLES) {
    test(`${role} answers a request to renegotiate with a warning and stays in its epoch`, () => {
      const pair = new Pair({ version }).handshake();
      const side = pair[role];
      const other = role === 'client' ? 'server' : 'client';
      const request = role === 'client' ? HandshakeType.hello_request : HandshakeType.client_hello;
      const messageSeq = role === 'client' ? 7 : 4;
      const message = encodeFragment({ type: request, messageSeq, fragment: new Uint8Array(0) });
      const insider = Insider12.ofSession(side.sessions[0] ?? assert.fail());
      const log = new Log(pair);
      pair.inject(side, insider.seal(other, ContentType.handshake, message));
      pair.send(side, utf8('still here'));
      pair.runFor(5000);
      assert.deepEqual(side.alerts('sent'), ['warning no_renegotiation']);
      assert.deepEqual(outline(log.records(role)), ['alert 1/1', 'application_data 1/2']);
      assert.ok(pair.client.isConnected && pair.server.isConnected);
    });

    test(`${role} ends a session whose key is used up instead of reusing a record number`, (t) => {
      const pair = new Pair({ version }).handshake();
      const side = pair[role];
      t.mock.getter(RecordWriter12.prototype, 'state', () => 'exhausted');
      const log = new Log(pair);
      assert.equal(side.entry.connection.send(utf8('one too many')), false);
      side.endpoint.touch(side.entry);
      pair.runFor(5000);
      assert.equal(side.error?.code, 'ERR_DTLS_KEY_LIMIT');
      assert.deepEqual(log.records(role), []);
    });

    test(`${role} accepts the first record of an epoch, number 0, whatever came in the epoch before`, () => {
      const pair = new Pair({ version });
      const log = new Log(pair);
      pair.handshake();
      const sender = role === 'client' ? 'server' : 'client';
      const epochs = log.records(sender).map(({ epoch, sequence }) => ({ epoch, sequence }));
      assert.ok(epochs.some(({ epoch, sequence }) => epoch === 0 && sequence > 1));
      assert.equal(epochs.find(({ epoch }) => epoch === 1)?.sequence, 0);
    });

    test(`${role} does not answer a record that is not authentic, and the session goes on`, () => {
      const pair = new Pair({ version }).handshake();
      const side = pair[role];
      const other = pair[role === 'client' ? 'server' : 'client'];
      const insider = Insider12.ofSession(side.sessions[0] ?? assert.fail());
      const genuine = insider.seal(other.role, ContentType.application_data, utf8('genuine'));
      const log = new Log(pair);
      for (let at = 13; at < genuine.length; at++) pair.inject(side, flipped(genuine, at));
      pair.runFor(5000);
      assert.deepEqual(log.datagrams, []);
      assert.equal(side.dropped['bad_record'], genuine.length - 13);
      pair.inject(side, genuine);
      assert.deepEqual(side.messages, [utf8('genuine')]);
    });

    test(`${role} ends the session with a fatal alert on an authentic record that violates a rule`, () => {
      const pair = new Pair({ version }).handshake();
      const side = pair[role];
      const insider = Insider12.ofSession(side.sessions[0] ?? assert.fail());
      const sender = role === 'client' ? 'server' : 'client';
      const tooLong = insider.seal(sender, ContentType.application_data, new Uint8Array(MAX_PLAINTEXT + 1));
      pair.inject(side, tooLong);
      assert.ok(side.isClosed);
      assert.deepEqual(side.alerts('sent'), ['fatal record_overflow']);
    });

    test(`${role} ends the session with a fatal bad_record_mac after too many forgeries`, (t) => {
      const pair = new Pair({ version }).handshake();
      const side = pair[role];
      t.mock.method(RecordReader12.prototype, 'open', () => 'forgery_limit');
      pair.inject(side, plainRecord(ContentType.alert, new Uint8Array(40), { epoch: 1 }));
      t.mock.reset();
      pair.runFor(100);
      assert.ok(side.isClosed);
      assert.deepEqual(side.alerts('sent'), ['fatal bad_record_mac']);
      assert.deepEqual(pair[role === 'client' ? 'server' : 'client'].alerts('received'), [
        'fatal bad_record_mac',
      ]);
    });
  }
});
