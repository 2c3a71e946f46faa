import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, SERVERS } from '../../support/identities.js';
import { encodeFragment, fragmentRecord } from '../../support/records.js';
import { assertWholeMessages } from '../../support/whole.js';
import { finished, isRetry, OpenPair, server_hello } from './open-pair.js';

/** Twice the maximum segment lifetime of TCP, which is two minutes (RFC 9293 §3.4.2), ms. */
const TWICE_MSL = 240_000;
const ROLES = ['client', 'server'] as const;
const other = { client: 'server', server: 'client' } as const;

suite('handshake messages of DTLS 1.3', () => {
  for (const mtu of [256, 548]) {
    test(`fragments of ${mtu} bytes follow one another without gap or overlap and cover each message`, () => {
      const behaviour = { mtu };
      const pair = new OpenPair({
        clientBehaviour: behaviour,
        serverBehaviour: behaviour,
        client: { ...CLIENTS.p256, cert: CLIENTS.p256.cert + CA },
        server: { ...SERVERS.rsa, requestCert: true },
      }).handshake();
      pair.runFor(100);
      for (const role of ROLES) {
        const fragments = pair.fragments(role).map(({ fragment }) => fragment);
        assert.ok(fragments.some(({ fragmentLength, length }) => fragmentLength < length));
        assertWholeMessages(fragments);
      }
    });
  }

  test('fragments of processed messages are discarded and change nothing', () => {
    const pair = new OpenPair().connect();
    assert.ok(pair.runUntil(() => pair.client.secrets.length > 0, 900));
    const [hello] = pair
      .fragments('server')
      .filter(({ fragment }) => fragment.type === server_hello && !isRetry(fragment.fragment));
    assert.ok(hello !== undefined);
    const { fragment } = hello;
    const forged = { ...fragment, fragment: new Uint8Array(fragment.length) };
    pair.inject(pair.client, fragmentRecord(forged));
    assert.equal(pair.client.dropped['repeated_message'], 1);
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 900));
  });

  test('forged plaintext messages before the ServerHello do not end the handshake', () => {
    const pair = new OpenPair();
    let forged = 0;
    pair.intercept = (data, from) => {
      if (from === 'client' || forged > 0) return [data];
      forged++;
      return [8, 11, 20]
        .map((type, i) => fragmentRecord({ type, messageSeq: 2 + i, fragment: Uint8Array.of(0, 0) }))
        .concat(data);
    };
    pair.handshake();
    assert.equal(forged, 1);
    assert.equal(pair.client.dropped['unexpected_epoch'], 3);
    assertAlive(pair);
  });

  test('messages are retransmitted in the epoch of their first transmission', () => {
    const pair = new OpenPair();
    pair.intercept = (data, from) => (from === 'client' && pair.server.secrets.length > 0 ? [] : [data]);
    pair.connect();
    pair.runFor(8000);
    const epochs = new Map<number, Set<number>>();
    const times = new Map<number, number>();
    for (const { record, fragment } of pair.fragments('server')) {
      const { messageSeq } = fragment;
      epochs.set(messageSeq, (epochs.get(messageSeq) ?? new Set()).add(record.epoch));
      times.set(messageSeq, (times.get(messageSeq) ?? 0) + 1);
    }
    const hello = pair.fragments('server').find(({ fragment }) => !isRetry(fragment.fragment))?.fragment;
    for (const [seq, found] of epochs) {
      assert.deepEqual([...found], [seq <= (hello?.messageSeq ?? -1) ? 0 : 2], `message ${seq}`);
    }
    assert.ok((times.get(hello?.messageSeq ?? -1) ?? 0) > 2);
  });
});

suite('the end of a handshake of DTLS 1.3', () => {
  test('server acknowledges each repetition of the final flight for twice the maximum segment lifetime', () => {
    // The client repeats it at 1, 3, 7, 15, 31, 63 s and from there on every 44 s: the last time at 239 s.
    const clientBehaviour = { handshakeTimeout: 0, retransmission: { max: 44_000 } };
    const pair = new OpenPair({ clientBehaviour, server: { ticketKeys: false } });
    let over = false;
    pair.intercept = (data, from) => {
      const repeats = from === 'client' && pair.open(from, data).some(({ epoch }) => epoch === 2);
      return over || !pair.server.isConnected || (from === 'client' && !repeats) ? [data] : [];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => pair.server.isConnected, 5000));
    // Application data does not end the period in which the flight can be retransmitted.
    pair.send(pair.client, utf8('data'));
    pair.runFor(TWICE_MSL - 2000);
    assert.deepEqual(pair.server.messages, [utf8('data')]);
    over = true;
    const before = pair.acks('server').length;
    pair.runFor(2000);
    const [ack, ...more] = pair.acks('server').slice(before);
    assert.deepEqual(more, []);
    const flights = pair.fragments('client').filter(({ fragment }) => fragment.type === finished);
    const { epoch, sequence } = flights.at(-1)?.record ?? assert.fail();
    assert.ok(sequence > 8);
    assert.ok(ack?.numbers.some((number) => number.epoch === epoch && number.sequenceNumber === sequence));
    // Nothing is left to repeat.
    const after = pair.datagrams.length;
    pair.runFor(TWICE_MSL);
    assert.equal(pair.datagrams.length, after);
  });

  test('server delivers application data that overtook the Finished after it and not before', () => {
    const pair = new OpenPair();
    const late: Uint8Array[] = [];
    pair.intercept = (data, from) => {
      const isFinal = from === 'client' && pair.client.isConnected && late.length === 0;
      if (isFinal) late.push(data);
      return isFinal ? [] : [data];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => late.length > 0, 900));
    pair.send(pair.client, utf8('early'));
    pair.runFor(20);
    assert.equal(pair.server.phase, 'handshaking');
    assert.deepEqual(pair.server.messages, []);
    pair.inject(pair.server, late[0] ?? assert.fail());
    assert.ok(pair.server.isConnected);
    assert.deepEqual(pair.server.messages, [utf8('early')]);
  });

  test('server never delivers application data whose Finished does not come', () => {
    const pair = new OpenPair();
    pair.intercept = (data, from) => {
      const isFinished = pair
        .open(from, data)
        .some(({ type, epoch }) => type === ContentType.handshake && epoch === 2 && from === 'client');
      return isFinished ? [] : [data];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => pair.client.isConnected, 900));
    for (let count = 0; count < 100; count++) pair.send(pair.client, new Uint8Array(1000));
    pair.runFor(70_000);
    assert.equal(pair.server.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
    assert.deepEqual(pair.server.messages, []);
  });

  for (const role of ROLES) {
    test(`${role} does not follow a peer to another address on its word`, () => {
      const pair = new OpenPair().handshake();
      pair.runFor(1000);
      const sender = other[role];
      const stray = pair.seal(sender, 3, ContentType.application_data, utf8('from elsewhere'));
      const elsewhere = { address: '192.0.2.99', family: 'IPv4', port: 5555 } as const;
      pair.inject(pair[role], stray, elsewhere);
      pair.runFor(1000);
      assert.deepEqual(pair[role].messages, []);
      assert.equal(pair[role].entry.peer.address, pair[sender].address.address);
      assertAlive(pair);
    });

    test(`${role} refuses messages about connection IDs with unexpected_message`, () => {
      for (const [type, body] of [
        [9, Uint8Array.of(1)],
        [10, Uint8Array.of(0, 0, 0)],
      ] as const) {
        const pair = new OpenPair().handshake();
        pair.runFor(1000);
        const sender = other[role];
        const last = pair.fragments(sender).at(-1)?.fragment.messageSeq ?? assert.fail();
        const message = encodeFragment({ type, messageSeq: last + 1, fragment: body });
        pair.inject(pair[role], pair.seal(sender, 3, ContentType.handshake, message));
        assert.deepEqual(pair[role].alerts('sent'), ['fatal unexpected_message']);
      }
    });
  }
});
