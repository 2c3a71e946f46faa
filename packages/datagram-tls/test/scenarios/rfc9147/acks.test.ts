import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, utf8 } from '#lib/base/bytes.js';
import { ContentType } from '#lib/wire/codes.js';
import { encodeAck } from '#lib/wire/messages/ack.js';
import type { HandshakeFragment } from '#lib/wire/messages/handshake-header.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { encodeFragment, flipped, plainRecord } from '../../support/records.js';
import { client_hello, OpenPair, type SeenRecord } from './open-pair.js';

const ROLES = ['client', 'server'] as const;
const other = { client: 'server', server: 'client' } as const;
const MUTUAL = { client: CLIENTS.ed25519, server: { requestCert: true } };

suite('acknowledgements of DTLS 1.3', () => {
  for (const role of ROLES) {
    test(`${role} acknowledges in its newest epoch after the handshake`, () => {
      const pair = new OpenPair().handshake();
      for (let round = 0; round < 3; round++) {
        pair.runFor(1000);
        update(pair, role);
        pair.runFor(1000);
        update(pair, other[role]);
        pair.runFor(1000);
        const [ack] = pair.acks(role).slice(-1);
        assert.equal(ack?.record.epoch, 4 + round);
      }
    });

    test(`${role} acknowledges neither a discarded message nor a record without a handshake message`, () => {
      const pair = new OpenPair().handshake();
      pair.runFor(1000);
      const before = pair.acks(role).length;
      const sender = other[role];
      const next = 1 + (pair.fragments(sender).at(-1)?.fragment.messageSeq ?? assert.fail());
      const update = encodeFragment({ type: 24, messageSeq: next + 500, fragment: Uint8Array.of(0) });
      pair.inject(pair[role], pair.seal(sender, 3, ContentType.handshake, update, 90));
      pair.inject(pair[role], pair.seal(sender, 3, ContentType.application_data, utf8('data'), 91));
      pair.inject(pair[role], pair.seal(sender, 3, ContentType.alert, Uint8Array.of(1, 90), 92));
      const ack = encodeAck({ recordNumbers: [{ epoch: 3, sequenceNumber: 0 }] });
      pair.inject(pair[role], pair.seal(sender, 3, ContentType.ack, ack, 93));
      const genuine = pair.seal(sender, 3, ContentType.handshake, update, 94);
      pair.inject(pair[role], flipped(genuine, 20));
      pair.runFor(5000);
      assert.equal(pair[role].dropped['too_far_ahead'], 1);
      assert.equal(pair.acks(role).length, before);
      assertAlive(pair);
    });

    test(`${role} does not retransmit what one ACK named because the next one does not`, () => {
      const behaviour = { mtu: 256 };
      const pair = new OpenPair({ ...MUTUAL, clientBehaviour: behaviour, serverBehaviour: behaviour });
      const sender = other[role];
      const flight = () => pair.fragments(role).filter(({ record }) => record.epoch === 2);
      pair.intercept = (data, from) => (from === sender && flight().length > 0 ? [] : [data]);
      pair.connect();
      const records = () => new Set(flight().map(({ record }) => record.sequence)).size;
      assert.ok(pair.runUntil(() => records() >= 3, 900));
      const [first] = flight();
      assert.ok(first !== undefined);
      const second = flight().find(({ record }) => !sameRecord(record, first.record));
      assert.ok(second !== undefined);
      // All that it hears from here on are two ACKs of one record each.
      for (const { record } of [first, second]) {
        const number = { epoch: record.epoch, sequenceNumber: record.sequence };
        const body = encodeAck({ recordNumbers: [number] });
        pair.inject(pair[role], pair.seal(sender, 2, ContentType.ack, body, 50 + record.sequence));
      }
      pair.runFor(50);
      const at = pair.datagrams.length;
      pair.runFor(10_000);
      const again = pair
        .fragments(role)
        .filter(({ record }) => record.datagram >= at)
        .map(({ fragment }) => fragment);
      assert.ok(again.length > 0, 'the rest is sent again');
      const named = flight().filter(({ record }) =>
        [first, second].some((one) => sameRecord(one.record, record)),
      );
      for (const { fragment } of named) assert.ok(!again.some((other) => overlap(fragment, other)));
    });
  }

  test('client takes any part of the answer as an acknowledgement of the flight that it answers', () => {
    const pair = new OpenPair();
    withoutRecord(pair, 'server', (record) => record.epoch === 2);
    pair.connect();
    assert.ok(pair.runUntil(() => pair.client.secrets.length > 0, 900));
    const hellos = pair.bodies('client', client_hello).length;
    pair.runFor(30_000);
    assert.equal(pair.bodies('client', client_hello).length, hellos);
  });

  test('server takes any part of the answer as an acknowledgement of the flight that it answers', () => {
    const pair = new OpenPair(MUTUAL);
    let gone = false;
    pair.intercept = (data, from) => {
      const records = pair.open(from, data);
      const answers = records.some(({ epoch, type }) => epoch === 2 && type === ContentType.handshake);
      if (from === 'server' || !answers) return [data];
      if (gone) return [];
      gone = true;
      const [first] = records;
      return [pair.seal('client', 2, first?.type ?? 0, first?.content ?? assert.fail(), first?.sequence)];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => gone, 900));
    pair.runFor(20);
    const before = pair.fragments('server').length;
    pair.runFor(30_000);
    assert.equal(pair.fragments('server').length, before);
  });
});

function sameRecord(a: SeenRecord, b: SeenRecord): boolean {
  return a.epoch === b.epoch && a.sequence === b.sequence;
}

function overlap(a: HandshakeFragment, b: HandshakeFragment): boolean {
  if (a.messageSeq !== b.messageSeq) return false;
  const endOf = ({ fragmentOffset, fragmentLength }: HandshakeFragment) => fragmentOffset + fragmentLength;
  return a.fragmentOffset < endOf(b) && b.fragmentOffset < endOf(a);
}

function update(pair: OpenPair, role: 'client' | 'server'): void {
  const { entry, endpoint } = pair[role];
  entry.connection.updateKeys({ requestPeer: false }, pair.now);
  endpoint.touch(entry);
  pair.drain();
}

/** Removes the records of `from` for which `chosen` is true from their datagrams; returns them. */
function withoutRecord(
  pair: OpenPair,
  from: 'client' | 'server',
  chosen: (record: SeenRecord) => boolean,
): SeenRecord[] {
  const taken: SeenRecord[] = [];
  pair.intercept = (data, sender) => {
    const records = pair.open(sender, data);
    if (sender !== from || !records.some(chosen)) return [data];
    taken.push(...records.filter(chosen));
    const kept = records
      .filter((record) => !chosen(record))
      .map(({ type, epoch, sequence, content }) =>
        epoch === 0
          ? plainRecord(type, content, { sequence })
          : pair.seal(from, epoch, type, content, sequence),
      );
    return [concat(...kept)];
  };
  return taken;
}
